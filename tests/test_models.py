"""What the tables promise by themselves, and how rows are found."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from tests.rows import ONE, TWO, give_phone, make_login, make_openid
from tests.statements import capture_statements
from wxauth.fields import ByteExactField
from wxauth.models import Event, Identity, Login, OpenId, Person

MODELS = (Person, Identity, OpenId, Login)


# -- finding -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_openids_of_a_user_in_an_app_newest_first():
    first = make_openid("alice")
    second = make_openid("alice-2", identity=first.identity)
    make_openid("alice-3", identity=first.identity, appid=TWO)
    make_openid("bob")
    alice = first.identity.person.user
    assert list(OpenId.objects.for_user(alice, ONE)) == [second, first]
    assert OpenId.objects.for_user(alice, ONE).first() == second
    assert OpenId.objects.for_user(alice, TWO).get().openid == "o-alice-3"
    assert not OpenId.objects.for_user(alice, "wx-other").exists()
    stranger = get_user_model().objects.create(username="stranger")
    assert not OpenId.objects.for_user(stranger, ONE).exists()


@pytest.mark.django_db
def test_a_login_is_found_with_its_person_user_and_openid():
    made = make_login(make_openid("alice"))
    with capture_statements() as statements:
        login = Login.objects.for_digest(made.digest).get()
        assert (login.person.user.username, login.openid, login.appid) == ("alice", "o-alice", ONE)
    assert len(statements) == 1
    with capture_statements() as statements:
        openid = OpenId.objects.with_owner(ONE, "o-alice").get()
        assert openid.identity.person.user.username == "alice"
    assert len(statements) == 1


class Replica:
    """A project's router that reads from a copy. There is no such database: a read there fails."""

    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, one, other, **hints):
        return True


@pytest.mark.django_db
def test_nothing_is_read_from_a_replica(settings, fake_wechat, client):
    """It does not know the login of a moment ago, nor that one was ended."""
    settings.DATABASE_ROUTERS = ["tests.test_models.Replica"]

    def send(method, path, token=None, **body):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return client.generic(
            method, f"/api/wxauth/{path}", json(body), "application/json", headers=headers
        )

    def json(body):
        from django.core.serializers.json import DjangoJSONEncoder

        return DjangoJSONEncoder().encode(body) if body else ""

    def log_in(appid=ONE):
        answer = send("POST", "login/", code=fake_wechat.login_code("alice", appid), appid=appid)
        assert answer.status_code == 200, answer.content
        return answer.json()["token"]

    tokens = [log_in(), log_in(), log_in(TWO)]
    assert send("GET", "me/", tokens[0]).status_code == 200
    assert send("POST", "me/", tokens[0], nickname="Alice").json()["nickname"] == "Alice"
    data = fake_wechat.phone_data("alice", ONE)
    assert send("POST", "me/phone/", tokens[0], **data).json()["phone"] == "+8613800138001"
    data = fake_wechat.user_info("alice", ONE, real=True)
    assert send("POST", "me/userinfo/", tokens[0], **data).status_code == 200
    listed = send("GET", "me/logins/", tokens[0]).json()
    assert len(listed) == 3
    other = next(row["id"] for row in listed if not row["current"])
    assert send("DELETE", f"me/logins/{other}/", tokens[0]).status_code == 204
    assert send("POST", "logout/", tokens[0]).status_code == 204
    assert send("POST", "logout/all/", log_in()).status_code == 204
    call_command("wxauth_clear_expired", verbosity=0, stdout=SimpleNamespace(write=len))
    call_command("wxauth_rotate_keys", verbosity=0, stdout=SimpleNamespace(write=len))


# -- promises ----------------------------------------------------------------------------------


def constraints(model):
    with connection.cursor() as cursor:
        return connection.introspection.get_constraints(cursor, model._meta.db_table)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "name", "columns"),
    [
        (Person, "wxauth_person_phone_uniq", ["phone_hash"]),
        (Identity, "wxauth_identity_unionid_uniq", ["platform", "unionid"]),
        (OpenId, "wxauth_openid_uniq", ["appid", "openid"]),
        (Login, "wxauth_login_digest_uniq", ["digest"]),
    ],
)
def test_the_database_itself_keeps_ids_unique(model, name, columns):
    found = constraints(model)[name]
    assert found["unique"]
    assert sorted(found["columns"]) == columns


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "name", "columns"),
    [
        (Person, "wxauth_person_tail_idx", ["phone_tail"]),
        (Person, "wxauth_person_created_idx", ["created_at", "user_id"]),
        (Login, "wxauth_login_expires_idx", ["expires_at"]),
        (Login, "wxauth_login_via_idx", ["via_id", "created_at"]),
        (Login, "wxauth_login_person_idx", ["person_id", "created_at"]),
    ],
)
def test_lists_and_searches_have_an_index(model, name, columns):
    assert constraints(model)[name]["columns"] == columns


def violates(make):
    with pytest.raises(IntegrityError), transaction.atomic():
        make()
    return True


@pytest.mark.django_db
def test_what_exists_once_cannot_be_made_twice():
    alice, bob = make_openid("alice"), make_openid("bob")
    login, other = make_login(alice), make_login(bob)
    give_phone(login, "+8613800138001")
    digest = Person.objects.get(pk=login.person_id).phone_hash

    assert violates(lambda: OpenId.objects.filter(pk=bob.pk).update(openid="o-alice"))
    assert violates(
        lambda: Identity.objects.filter(pk=bob.identity_id).update(unionid="union-alice")
    )
    assert violates(lambda: Login.objects.filter(pk=other.pk).update(digest=login.digest))
    assert violates(lambda: Person.objects.filter(pk=other.person_id).update(phone_hash=digest))
    user = alice.identity.person.user
    assert violates(lambda: Person(user=user, created_at=timezone.now()).save(force_insert=True))


@pytest.mark.django_db
def test_what_is_not_known_may_be_unknown_many_times():
    """An app that is bound to no platform yields no unionid; most people have no phone number."""
    for name in ("alice", "bob"):
        make_openid(name, identity=_identity(name, unionid=None))
    assert Identity.objects.filter(unionid=None).count() == 2
    assert Person.objects.filter(phone_hash=None).count() == 2
    assert _identity("eve", unionid="union-x", platform="one").pk
    assert _identity("mallory", unionid="union-x", platform="two").pk


def _identity(name, **fields):
    user = get_user_model().objects.create(username=name)
    person = Person.objects.create(user=user, created_at=timezone.now())
    return Identity.objects.create(person=person, **{"platform": "default", **fields})


@pytest.mark.django_db
def test_a_deleted_user_leaves_nothing_behind():
    login, other = make_login(make_openid("alice")), make_login(make_openid("bob"))
    Person.objects.filter(pk=other.person_id).update(merged_into=login.person_id)
    login.person.user.delete()
    assert [model.objects.count() for model in MODELS] == [1, 1, 1, 1]
    assert Person.objects.get().merged_into is None


@pytest.mark.django_db
def test_who_may_neither_log_in_nor_use_a_token():
    person, other = (make_openid(name).identity.person for name in ("alice", "bob"))
    assert not person.is_shut_out
    for field, value in [
        ("blocked_at", timezone.now()), ("merged_into", other),
    ]:  # fmt: skip
        setattr(person, field, value)
        assert person.is_shut_out
        setattr(person, field, None)
    person.user.is_active = False
    assert person.is_shut_out


@pytest.mark.django_db
def test_a_login_lives_until_it_is_ended_or_over():
    login, now = make_login(life=60), timezone.now()
    assert login.is_live(now)
    assert list(Login.objects.live(now)) == [login]
    late = now + timedelta(seconds=61)
    assert not login.is_live(late)
    assert not Login.objects.live(late).exists()
    assert Login.objects.all().revoke(now) == 1
    assert Login.objects.all().revoke(late) == 0  # The moment of the first end stands.
    login.refresh_from_db()
    assert not login.is_live(now)
    assert not Login.objects.live(now).exists()
    assert login.sealed_session_key is None


@pytest.mark.django_db
def test_no_row_shows_a_secret_by_its_name():
    login = make_login(make_openid("alice"))
    give_phone(login, "+8613800138001")
    for row in (login, login.via, login.via.identity, login.person):
        shown = f"{row} {row!r}"
        assert "13800138001" not in shown
        assert login.digest not in shown
    assert str(login.person)  # Somebody without a nickname has a name for staff.


# -- columns and migrations --------------------------------------------------------------------


def test_rows_have_big_keys_whatever_the_project_prefers():
    assert all(isinstance(model._meta.pk, models.BigAutoField) for model in MODELS[1:])
    assert Person._meta.pk.name == "user"


def test_everything_compared_by_wxauth_is_compared_byte_by_byte():
    exact = {
        field.name
        for model in MODELS
        for field in model._meta.local_fields
        if isinstance(field, ByteExactField)
    }
    assert exact >= {
        "platform", "unionid", "appid", "openid", "digest", "sealed_session_key",
        "sealed_phone", "phone_hash", "phone_tail",
    }  # fmt: skip


@pytest.mark.django_db  # The vendor is asked of the server.
@pytest.mark.parametrize(
    ("vendor", "mariadb", "collation"),
    [
        ("mysql", True, "utf8mb4_nopad_bin"),
        ("mysql", False, "utf8mb4_0900_bin"),
        ("postgresql", None, None),
        ("sqlite", None, None),
    ],
)
def test_a_column_gets_the_collation_of_its_database(vendor, mariadb, collation):
    field = ByteExactField(max_length=64)
    field.set_attributes_from_name("openid")
    other = connection.copy()
    other.vendor, other.mysql_is_mariadb = vendor, mariadb
    assert field.db_parameters(other).get("collation") == collation


def test_a_migration_names_no_collation():
    _, path, _, options = ByteExactField(max_length=64).deconstruct()
    assert (path, options) == ("wxauth.fields.ByteExactField", {"max_length": 64})


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.waits
def test_the_migrations_go_back_to_nothing_and_forth_again():
    def tables():
        names = connection.introspection.table_names()
        return {name for name in names if name.startswith("wxauth_")}

    every = list(apps.get_app_config("wxauth").get_models())

    def shape():
        with connection.cursor() as cursor:
            return {
                model: (
                    [tuple(column) for column in connection.introspection.get_table_description(
                        cursor, model._meta.db_table
                    )],
                    {
                        name: (found["columns"], found["unique"], found["foreign_key"])
                        for name, found in constraints(model).items()
                        if name.startswith("wxauth_")
                    },
                )
                for model in every
            }  # fmt: skip

    before = shape()
    assert tables() == {model._meta.db_table for model in every}
    try:
        call_command("migrate", "wxauth", "zero", verbosity=0)
        assert tables() == set()
        assert get_user_model().objects.count() == 0  # The project's own table stands.
    finally:
        # And whatever depends on it.
        call_command("migrate", verbosity=0)
    assert shape() == before


# -- events ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_event_is_neither_changed_nor_deleted_by_whatever_way():
    Event(kind="linked", user="1", created_at=timezone.now()).save()
    event = Event.objects.get()
    before = Event.objects.values().get()
    later = {"kind": "erased", "user": "1", "created_at": timezone.now()}
    ways = [
        event.save,
        event.delete,
        Event.objects.all().delete,
        Event.objects.filter(user="1").delete,
        Event._base_manager.all().delete,
        lambda: Event.objects.update(user="2"),
        lambda: Event._base_manager.update(user="2"),
        lambda: Event.objects.bulk_update([event], ["user"]),
        lambda: Event.objects.update_or_create(pk=event.pk, defaults={"user": "2"}),
        lambda: Event.objects.bulk_create(
            [Event(pk=event.pk, **later)],
            update_conflicts=True,
            update_fields=["kind"],
            unique_fields=["id"],
        ),
        # One that calls itself new, with the key of another.
        Event(pk=event.pk, **later).save,
    ]
    for way in ways:
        with pytest.raises((TypeError, IntegrityError)), transaction.atomic():
            way()
        assert Event.objects.values().get() == before
