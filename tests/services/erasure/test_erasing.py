"""Somebody is erased: of their rows nothing is left, and of everybody else's nothing is missing."""

from __future__ import annotations

import json

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.utils import timezone

from tests.rows import ONE, TWO, give_phone, make_login, make_openid
from tests.shop.models import Address, Order
from wxauth import signals
from wxauth.exceptions import Blocked, NotFound, StorageUnavailable
from wxauth.models import (
    Conflict,
    Event,
    Identity,
    Login,
    Merge,
    OpenId,
    Person,
    RememberedBlock,
)
from wxauth.services import transactions
from wxauth.services.erasure import blocks, erasing
from wxauth.services.login import linking
from wxauth.services.login.admission import admit
from wxauth.services.login.exchange import get_app
from wxauth.services.merging import merges
from wxauth.services.profile import pictures
from wxauth.types import Session

pytestmark = pytest.mark.django_db
User = get_user_model()


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def alice(media):
    """alice, with everything that somebody can have."""
    login = make_login(make_openid("alice"))
    make_login(make_openid("alice-2", appid=TWO, identity=login.via.identity))
    give_phone(login, "+8613800138001")
    person = login.person
    person.avatar.save("alice.jpg", ContentFile(b"pixels"), save=False)
    person.nickname, person.nickname_appid = "Alice in Chains", ONE
    person.save()
    User.objects.filter(pk=person.pk).update(
        first_name="Alice", last_name="Liddell", email="alice@example.com"
    )
    return Person.objects.select_related("user").get(pk=person.pk)


@pytest.fixture
def bob():
    login = make_login(make_openid("bob"))
    give_phone(login, "+8613800138002")
    return login.person


def erase(person, **options):
    transactions.run(lambda: erasing.erase(person.pk, **options))


def rows_of(person):
    return {
        model.__name__: list(rows.order_by("pk").values())
        for model, rows in {
            Person: Person.objects.filter(pk=person.pk),
            Identity: Identity.objects.filter(person=person.pk),
            OpenId: OpenId.objects.filter(identity__person=person.pk),
            Login: Login.objects.filter(person=person.pk),
        }.items()
    }


def test_everything_of_alice_goes_and_nothing_of_bob(alice, bob, media):
    picture = media / alice.avatar.name
    assert picture.exists()
    Conflict.objects.create(person=alice, owner=bob, appid=ONE, created_at=timezone.now())
    before = rows_of(bob), User.objects.filter(pk=bob.pk).values().get()
    erase(alice, actor="wxauth_clear_expired", appid=ONE)
    assert not any(rows_of(alice).values())
    assert not Conflict.objects.exists()
    assert not picture.exists()
    assert (rows_of(bob), User.objects.filter(pk=bob.pk).values().get()) == before
    assert not RememberedBlock.objects.exists()
    event = Event.objects.get()
    assert (event.kind, event.user, event.actor, event.appid) == (
        "erased", str(alice.pk), "wxauth_clear_expired", ONE,
    )  # fmt: skip


def test_the_user_stays_as_nobody_and_rows_of_the_project_keep_pointing_at_it(alice):
    order = Order.objects.create(user=alice.user, text="tea")
    Address.objects.create(person=alice, street="Rabbit Hole 1")
    erase(alice)
    user = User.objects.get(pk=alice.pk)
    assert user.username.startswith("erased_")
    assert (user.first_name, user.last_name, user.email) == ("", "", "")
    assert not user.is_active
    assert not user.has_usable_password()
    order.refresh_from_db()
    assert order.user_id == alice.pk
    # What refers to wxauth's half of the user went with it.
    assert not Address.objects.exists()


def test_who_was_merged_into_alice_goes_with_her(alice, bob):
    merges.merge(source=bob.pk, target=alice.pk, actor="test")
    erase(alice)
    assert not Person.objects.exists()
    assert not OpenId.objects.exists()
    names = set(User.objects.values_list("username", flat=True))
    assert len(names) == 2
    assert all(name.startswith("erased_") for name in names)


def test_a_merge_keeps_who_and_when_and_loses_what_it_says_of_people(alice, bob, media):
    alice.user.username, before = "alice", Merge.objects.count()
    Person.objects.filter(pk=bob.pk).update(nickname="Bob of Wonderland", phone_hash=None)
    Person.objects.filter(pk=alice.pk).update(nickname="")
    merges.merge(source=bob.pk, target=alice.pk, actor="test")
    assert "Bob of Wonderland" in json.dumps(Merge.objects.get().accounts)
    erase(alice)
    merge = Merge.objects.get()
    assert (merge.rows, merge.accounts) == ([], {})
    assert (merge.source, merge.target, merge.actor) == (str(bob.pk), str(alice.pk), "test")
    assert before == 0


def test_the_log_of_the_admin_says_what_was_done_but_not_to_whom(alice, bob):
    for row in (alice, alice.user, OpenId.objects.first(), Identity.objects.first(), bob.user):
        LogEntry.objects.log_actions(bob.pk, [row], CHANGE, "x", single_object=True)
    names = [alice.nickname, "alice", "o-alice", "union-alice", "bob"]
    assert [entry.object_repr for entry in LogEntry.objects.order_by("pk")] == names
    erase(alice)
    left = [entry.object_repr for entry in LogEntry.objects.order_by("pk")]
    assert left[-1] == "bob"
    assert all(text.startswith("#") for text in left[:-1])


def test_a_picture_that_cannot_be_deleted_keeps_everything_else(alice, monkeypatch):
    def fail(name):
        raise OSError("no route to the bucket")

    before = rows_of(alice)
    monkeypatch.setattr(pictures._field().storage, "delete", fail)
    with pytest.raises(StorageUnavailable):
        erase(alice)
    assert rows_of(alice) == before
    assert User.objects.get(pk=alice.pk).username == "alice"


def test_nobody_is_erased_who_is_no_person():
    user = User.objects.create(username="carol")
    with pytest.raises(NotFound):
        erase(user)


@pytest.mark.django_db(transaction=True)
def test_the_project_hears_of_it_when_it_is_done(alice):
    heard = []

    def hear(sender, user, **kwargs):
        heard.append((sender, user.pk, user.is_active, Person.objects.exists()))

    signals.erased.connect(hear)
    try:
        erase(alice)
    finally:
        signals.erased.disconnect(hear)
    assert heard == [(User, alice.pk, False, False)]


# -- whoever was blocked -----------------------------------------------------------------------

ALICE = Session("o-alice", None, "union-alice")


def come_back(session, appid=ONE):
    now = timezone.now()
    app = get_app(appid)
    return transactions.run(lambda: admit(app=app, session=session, signup=True, extra={}, now=now))


def test_alice_may_come_back_as_a_stranger(alice):
    erase(alice)
    admission = come_back(ALICE)
    assert admission.created
    assert admission.openid.identity.person_id != alice.pk


@pytest.mark.parametrize(
    ("session", "appid"),
    [
        (ALICE, ONE),
        (Session("o-alice", None, None), ONE),
        (Session("o-alice-2", None, None), TWO),
        (Session("o-alice-3", None, "union-alice"), TWO),
    ],
)
def test_a_block_outlives_whoever_is_erased(alice, session, appid, settings):
    Person.objects.filter(pk=alice.pk).update(blocked_at=timezone.now())
    erase(alice)
    with pytest.raises(Blocked):
        come_back(session, appid)
    carol = User.objects.create(username="carol")
    person = Person.objects.create(user=carol, created_at=timezone.now())
    with pytest.raises(Blocked):
        linking.own(person, app=get_app(appid), session=session, now=timezone.now())
    RememberedBlock.objects.update(expires_at=timezone.now())
    assert come_back(session, appid).created


def test_a_remembered_block_says_nothing_of_anybody_else(alice, bob):
    User.objects.filter(pk=alice.pk).update(is_active=False)
    erase(alice)
    assert RememberedBlock.objects.count() == 3  # Two openids, one unionid.
    now = timezone.now()
    for session in (Session("o-bob", None, "union-bob"), Session("o-ALICE", None, "union-Alice")):
        assert not blocks.was_blocked(app=get_app(ONE), session=session, now=now)
    # An openid of one app is somebody else's in another.
    assert not blocks.was_blocked(app=get_app(TWO), session=Session("o-alice", None), now=now)
    days = (RememberedBlock.objects.first().expires_at - now).days
    assert days in {179, 180}


def test_who_is_blocked_and_erased_twice_is_remembered_from_the_second_time_on(alice):
    for _ in range(2):
        person = Person.objects.get()
        Person.objects.update(blocked_at=timezone.now())
        erase(person)
        assert RememberedBlock.objects.filter(expires_at__gt=timezone.now()).count() >= 2
        RememberedBlock.objects.update(expires_at=timezone.now())
        come_back(ALICE)
