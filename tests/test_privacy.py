"""The data map names every column, and the export holds what the map says it does."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timezone
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.db import models

from tests.columns import extra_column
from tests.rows import ONE, give_phone, make_login, make_openid
from wxauth.api.base import PlainJSONRenderer
from wxauth.conf import RETENTION
from wxauth.models import Event, Identity, Login, Merge, OpenId, Person
from wxauth.services.merging import merges
from wxauth.services.transfer import personal

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [DOCS / "privacy.md", DOCS / "privacy.zh-CN.md"]
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def read_map(page):
    """Column → the other cells of its line."""
    lines = re.findall(r"^\| `(\w+\.\w+)` \| (.*) \|$", page.read_text(encoding="utf-8"), re.M)
    assert len(lines) == len(dict(lines)), "A column has two lines."
    return {name: cells.split(" | ") for name, cells in lines}


def check_columns(page):
    columns = {
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config("wxauth").get_models()
        if not model._meta.proxy
        for field in model._meta.local_fields
    }
    there = set(read_map(page))
    missing = ", ".join(sorted(columns - there))
    assert not missing, (
        f"Say in {page.name} what {missing} says of a person: where from, why, how long, what "
        "erases it, and whether the export has it."
    )
    assert there == columns


@pages
def test_every_column_has_its_line(page):
    check_columns(page)


@pages
def test_a_column_without_a_line_is_told_what_to_do(page):
    with (
        extra_column(Person, "birthday", models.DateField(null=True)),
        pytest.raises(AssertionError, match=r"Say in privacy.* what Person\.birthday says"),
    ):
        check_columns(page)


@pages
def test_every_line_is_whole_and_both_languages_say_the_same_of_the_export(page):
    lines = read_map(page)
    assert {len(cells) for cells in lines.values()} == {6}
    assert exported(page) == exported(PAGES[0])


@pages
def test_how_long_things_are_kept_is_what_the_settings_say(page):
    text = page.read_text(encoding="utf-8")
    days = re.findall(r"^\| `(\w+)` \| (\d+) \|", text, re.M)
    assert {name: int(number) for name, number in days} == RETENTION


def exported(page):
    return {name for name, cells in read_map(page).items() if re.match("yes|是", cells[-1])}


# -- the export of a person with everything ----------------------------------------------------

PHONE = "+8613912345678"
NUMBERS = iter(range(1, 1000))


def plant(field):
    """A value that no other column holds, or None where the column is no place for one."""
    number = next(NUMBERS)
    if isinstance(field, models.DateTimeField):
        return datetime(2031, 1, 1, number // 60, number % 60, tzinfo=timezone.utc)
    if isinstance(field, models.DateField):
        return date(2032, 1 + number // 28, 1 + number % 28)
    if isinstance(field, models.GenericIPAddressField):
        return f"203.0.113.{number}"
    if isinstance(field, models.CharField) and not isinstance(field, models.FileField):
        return f"planted-{number:03}"[: field.max_length]
    return None


def spelled(value):
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat() if isinstance(value, date) else value


def write(row, **also):
    """Plant something in every column. Answers column → what must, or must not, be exported."""
    planted = {}
    for field in row._meta.local_fields:
        if field.is_relation or field.primary_key or field.name in also:
            continue
        value = plant(field)
        if value is not None:
            planted[field.name] = value
    rows = models.QuerySet(type(row)).filter(pk=row.pk)
    rows.update(**planted)
    return {f"{type(row).__name__}.{name}": spelled(value) for name, value in planted.items()}


@pytest.fixture
def bob(db):
    login = make_login(make_openid("bob"))
    give_phone(login, "+8613800138002")
    Person.objects.filter(pk=login.person_id).update(nickname="Bob the Builder")
    return login


@pytest.fixture
def alice(db, settings, tmp_path, bob):
    """alice with a value in every column, and what stands where."""
    settings.MEDIA_ROOT = tmp_path
    login = make_login(make_openid("alice"))
    person = login.person
    person.avatar.save("alice.jpg", ContentFile(b"pixels"))
    event = Event(kind="linked", user=str(person.pk), created_at=login.created_at)
    event.save()
    planted = {}
    for row in (person, login.via.identity, login.via, login):
        planted |= write(row, sealed_phone=1, phone_hash=1, phone_tail=1, avatar=1)
    planted |= write(event, user=1, kind=1)
    person.refresh_from_db()
    # Which writes the app of the login, too: here as it was planted.
    give_phone(Login.objects.select_related("person", "via").get(pk=login.pk), PHONE)
    planted["Person.phone_appid"] = planted["OpenId.appid"]
    person.refresh_from_db()
    planted |= {
        "Person.user": f'"id":"{person.pk}"',
        "Person.avatar": person.avatar.url,
        "Person.sealed_phone": PHONE,
        "Person.phone_hash": person.phone_hash,
        "Person.phone_tail": person.phone_tail,
        "Event.kind": '"kind":"linked"',
        "Event.other": planted["Event.other"],
    }
    return Person.objects.select_related("user").get(pk=person.pk), planted


def export(person):
    return PlainJSONRenderer().render(personal.collect(person)).decode()


def test_what_the_map_promises_is_there_and_nothing_else(alice):
    person, planted = alice
    text = export(person)
    promised = exported(PAGES[0])
    # Every column of these tables is tried; the others hold nothing that is exported.
    tried = {name.partition(".")[0] for name in planted}
    assert tried == {"Person", "Identity", "OpenId", "Login", "Event"}
    assert promised - planted.keys() == {"Login.via"}
    assert {name for name in planted if name in promised and planted[name] not in text} == set()
    leaked = {name for name in planted if name not in promised and planted[name] in text}
    assert leaked == set()


def test_two_people_never_mix(alice, bob):
    person, _ = alice
    # They have met: an event names both.
    Event(kind="phone_refused", user=str(person.pk), other=str(bob.person_id),
          actor=str(bob.person_id), created_at=bob.created_at).save()  # fmt: skip
    text = export(person)
    for secret in ("Bob", "138002", "o-bob", "union-bob", f'"{bob.person_id}"', '"bob"'):
        assert secret not in text
    other = export(Person.objects.select_related("user").get(pk=bob.person_id))
    assert "planted-" not in other.replace('"appid":"planted', "")
    assert "5678" not in other
    assert len(json.loads(other)["events"]) == 1


def test_who_was_merged_into_alice_is_told_with_her(alice, bob):
    person, _ = alice
    Person.objects.update(deletion_asked_at=None, deletion_due_at=None)
    merges.merge(source=bob.person_id, target=person.pk, actor="test")
    told = json.loads(export(person))
    assert [account["id"] for account in told["accounts"]] == [str(person.pk), str(bob.person_id)]
    assert told["accounts"][1]["phone"] == "+8613800138002"
    assert len(told["identities"]) == len(told["logins"]) == 2
    assert Merge.objects.exists()


def test_the_project_adds_what_it_knows(alice):
    person, _ = alice
    get_user_model().objects.filter(pk=person.pk).update(email="alice@example.com")
    person.user.refresh_from_db()
    told = json.loads(export(person))["accounts"][0]["user"]
    assert told["username"] == "alice"
    assert told["email"] == "alice@example.com"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["date_joined"])
    assert "password" not in told


def test_identities_and_openids_keep_their_apps_apart(alice):
    person, planted = alice
    (identity,) = json.loads(export(person))["identities"]
    assert identity["openids"][0]["openid"] == planted["OpenId.openid"]
    assert ONE not in identity["openids"][0]["appid"]
    assert Identity.objects.count() == OpenId.objects.count() == 2
