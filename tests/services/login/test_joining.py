"""The late unionid: two users turn out to be one person."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from tests.rows import ONE, TWO
from tests.shop.models import Order, Profile
from wxauth.adapter import Adapter
from wxauth.authentication import get_login
from wxauth.exceptions import Blocked
from wxauth.models import Conflict, Event, Identity, Login, Merge, OpenId, Person
from wxauth.services.merging import merges
from wxauth.signals import conflict_found, merged

pytestmark = pytest.mark.django_db(transaction=True)
User = get_user_model()


@pytest.fixture
def two_users(enter):
    """alice before the binding in app one, and after it in app two: first and second user."""
    first = enter(ONE, unionid=None)
    second = enter(TWO, unionid="union-alice")
    assert first.login.person_id != second.login.person_id
    return first, second


@pytest.fixture
def heard():
    news = []

    def hear(signal, **kwargs):
        news.append((signal, kwargs["user"].pk))

    for signal in (merged, conflict_found):
        signal.connect(hear)
    yield news
    for signal in (merged, conflict_found):
        signal.disconnect(hear)


def configure(settings, **keys):
    settings.WXAUTH = {**settings.WXAUTH, **keys}


def users(*logins):
    return [User.objects.get(pk=done.login.person_id) for done in logins]


def test_two_who_have_nothing_become_the_older(enter, two_users, heard):
    first, second = two_users
    done = enter(ONE)
    assert done.login.person_id == first.login.person_id
    assert not done.created
    # She is the same in both apps from now on, under one identity.
    assert enter(TWO).login.person_id == first.login.person_id
    assert list(Identity.objects.values_list("unionid", flat=True)) == ["union-alice"]
    assert OpenId.objects.filter(identity__unionid="union-alice").count() == 2
    younger = Person.objects.get(pk=second.login.person_id)
    assert younger.merged_into_id == first.login.person_id
    assert not younger.user.is_active
    assert heard == [(merged, first.login.person_id)]
    event = Event.objects.get()
    assert (event.kind, event.user, event.other) == (
        "joined",
        str(first.login.person_id),
        str(second.login.person_id),
    )
    assert Merge.objects.get().automatic


def test_whoever_has_something_survives(enter, two_users):
    first, second = two_users
    order = Order.objects.create(user_id=second.login.person_id, text="tea")
    done = enter(ONE)
    assert done.login.person_id == second.login.person_id
    assert get_login(done.token.reveal()).openid == done.login.openid
    order.refresh_from_db()
    assert order.user_id == second.login.person_id
    assert not User.objects.get(pk=first.login.person_id).is_active


def test_the_logins_of_who_was_given_up_end(enter, two_users):
    first, second = two_users
    Order.objects.create(user_id=second.login.person_id, text="tea")
    enter(ONE)
    assert get_login(first.token.reveal()) is None
    row = Login.objects.get(pk=first.login.pk)
    assert row.sealed_session_key is None
    assert row.person_id == first.login.person_id
    assert get_login(second.token.reveal()) is not None


def test_two_who_both_have_something_stay_two(enter, two_users, heard):
    first, second = two_users
    for done in two_users:
        Order.objects.create(user_id=done.login.person_id, text="tea")
    for _ in range(3):
        assert enter(ONE).login.person_id == first.login.person_id
        assert enter(TWO).login.person_id == second.login.person_id
    conflict = Conflict.objects.get()
    assert (conflict.person_id, conflict.owner_id, conflict.appid) == (
        first.login.person_id,
        second.login.person_id,
        ONE,
    )
    assert [event.kind for event in Event.objects.all()] == ["conflict"]
    assert heard == [(conflict_found, first.login.person_id)]
    assert not Merge.objects.exists()


def test_when_the_staff_have_merged_them_the_conflict_is_gone(enter, two_users):
    first, second = two_users
    for done in two_users:
        Order.objects.create(user_id=done.login.person_id, text="tea")
    enter(ONE)
    merges.merge(source=second.login.person_id, target=first.login.person_id, actor="staff")
    assert not Conflict.objects.exists()
    for appid in (ONE, TWO):
        assert enter(appid).login.person_id == first.login.person_id
    assert list(Identity.objects.values_list("unionid", flat=True)) == ["union-alice"]
    assert not Conflict.objects.exists()


@pytest.mark.parametrize(
    "something",
    [
        lambda user: user.set_password("x"),
        lambda user: setattr(user, "is_staff", True),
        lambda user: setattr(user, "is_superuser", True),
    ],
    ids=["password", "staff", "superuser"],
)
def test_somebody_with_a_password_or_rights_is_not_disposable(enter, two_users, something):
    for user in users(*two_users):
        something(user)
        user.save()
    enter(ONE)
    assert Conflict.objects.exists()


def test_rows_that_the_project_makes_by_itself_do_not_count(enter, two_users, settings):
    first, _ = two_users
    for done in two_users:
        Profile.objects.create(user_id=done.login.person_id)
    enter(ONE)
    assert Conflict.objects.exists()
    configure(settings, DISPOSABLE_WITH=["shop.Profile"])
    assert enter(ONE).login.person_id == first.login.person_id
    # Both profiles are there still: the younger one's stays with the younger one.
    assert Profile.objects.count() == 2
    assert not Conflict.objects.exists()


def test_joining_can_be_switched_off(enter, two_users, settings):
    configure(settings, JOIN=False)
    first, _ = two_users
    assert enter(ONE).login.person_id == first.login.person_id
    assert Conflict.objects.count() == 1
    assert User.objects.filter(is_active=True).count() == 2


class Keeper(Adapter):
    def is_disposable(self, *, user):
        return False


def test_the_adapter_decides(enter, two_users, settings):
    configure(settings, ADAPTER=f"{__name__}.Keeper")
    enter(ONE)
    assert Conflict.objects.count() == 1


def test_a_block_is_not_got_round_by_joining(enter, two_users):
    first, second = two_users
    Person.objects.filter(pk=second.login.person_id).update(blocked_at=timezone.now())
    with pytest.raises(Blocked):
        enter(ONE)
    # The free one was joined into the blocked one, older or not.
    assert Person.objects.get(pk=first.login.person_id).merged_into_id == second.login.person_id
    with pytest.raises(Blocked):
        enter(TWO)


def test_a_blocked_person_joins_nobody(enter, two_users):
    first, second = two_users
    Person.objects.filter(pk=first.login.person_id).update(blocked_at=timezone.now())
    with pytest.raises(Blocked):
        enter(ONE)
    assert not Merge.objects.exists()
    assert not Conflict.objects.exists()
    assert enter(TWO).login.person_id == second.login.person_id


def test_a_unionid_that_changes_into_somebody_elses_follows_the_same_rules(enter):
    alice = enter(ONE, unionid="union-1")
    other = enter(TWO, "alice2", unionid="union-2")
    for done in (alice, other):
        Order.objects.create(user_id=done.login.person_id, text="tea")
    assert enter(ONE, unionid="union-2").login.person_id == alice.login.person_id
    assert Conflict.objects.count() == 1
    Order.objects.all().delete()
    assert enter(ONE).login.person_id == alice.login.person_id
    assert enter(TWO, "alice2").login.person_id == alice.login.person_id
    assert list(Identity.objects.values_list("unionid", flat=True)) == ["union-2"]


def test_a_join_can_be_undone_and_is_not_repeated(enter, two_users):
    first, second = two_users
    before = list(Identity.objects.order_by("pk").values("pk", "person", "platform", "unionid"))
    joined = enter(ONE)
    merges.undo(merge_id=Merge.objects.get().pk, actor="staff")
    assert before == list(
        Identity.objects.order_by("pk").values("pk", "person", "platform", "unionid")
    )
    assert enter(TWO).login.person_id == second.login.person_id
    assert enter(ONE).login.person_id == first.login.person_id
    assert Conflict.objects.count() == 1
    assert joined.login.person_id == first.login.person_id


def test_undoing_a_join_ends_what_came_of_it(enter, two_users):
    first, second = two_users
    Order.objects.create(user_id=second.login.person_id, text="tea")
    joined = enter(ONE)
    assert joined.login.person_id == second.login.person_id
    merges.undo(merge_id=Merge.objects.get().pk, actor="staff")
    assert get_login(joined.token.reveal()) is None
    # Ended for good, and not only unusable until the two are merged once more.
    joined.login.refresh_from_db()
    assert joined.login.revoked_at is not None
    assert joined.login.sealed_session_key is None
    assert get_login(second.token.reveal()) is not None
    assert enter(ONE).login.person_id == first.login.person_id


def test_a_person_refers_to_counts_too(enter, two_users):
    from tests.shop.models import Address

    for done in two_users:
        Address.objects.create(person_id=done.login.person_id, street="Nanjing Road")
    enter(ONE)
    assert Conflict.objects.exists()
