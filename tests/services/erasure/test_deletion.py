"""Asked for, taken back, due, refused, late, done: with a clock that is moved."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.utils import timezone

from tests.rows import ONE, TWO, make_login, make_openid
from wxauth import checks
from wxauth.adapter import Adapter
from wxauth.exceptions import DeletionRefused, MergeRefused, RateLimited
from wxauth.models import Conflict, DailyCount, Event, Login, Merge, Person
from wxauth.services import limits, transactions, upkeep
from wxauth.services.erasure import deletion, due, working_days
from wxauth.services.journal import counts
from wxauth.services.merging import merges

pytestmark = pytest.mark.django_db
User = get_user_model()


@pytest.fixture(autouse=True)
def _english(settings):
    settings.LANGUAGE_CODE = "en"


class Shop(Adapter):
    """Nobody with an open order goes."""

    #: Usernames.
    open_orders: set[str] = set()

    def refuse_deletion(self, *, user):
        return "Your order is under way." if user.username in self.open_orders else ""


class Stubborn(Adapter):
    def erase_user(self, *, user):
        super().erase_user(user=user)
        if user.pk == self.key:
            raise RuntimeError(f"cannot erase {user}")


@pytest.fixture
def clock(monkeypatch):
    """Let days pass."""
    real, passed = timezone.now, timedelta(0)
    monkeypatch.setattr(timezone, "now", lambda: real() + passed)

    def pass_(**span):
        nonlocal passed
        passed += timedelta(**span)

    return pass_


@pytest.fixture
def use(settings, monkeypatch):
    def use(adapter):
        monkeypatch.setattr(f"{__name__}.Chosen", adapter, raising=False)
        settings.WXAUTH = {**settings.WXAUTH, "ADAPTER": f"{__name__}.Chosen"}

    monkeypatch.setattr(Shop, "open_orders", set())
    use(Shop)
    return use


@pytest.fixture
def alice(clock):
    return make_login(make_openid("alice"))


def settle():
    settled = due.settle(actor="test")
    return settled.erased, settled.refused, settled.failed


def row(login):
    return Person.objects.get(pk=login.person_id)


def kinds():
    return list(Event.objects.order_by("pk").values_list("kind", flat=True))


def test_whoever_asks_is_erased_after_seven_days_and_not_a_minute_earlier(alice, clock):
    deletion.ask(login=alice)
    assert alice.person.deletion_due_at == row(alice).deletion_due_at
    assert (alice.person.deletion_due_at - alice.person.deletion_asked_at).days == 7
    clock(days=6, hours=23, minutes=59)
    assert settle() == (0, 0, [])
    clock(minutes=1)
    assert settle() == (1, 0, [])
    assert not Person.objects.exists()
    assert kinds() == ["deletion_asked", "erased"]
    assert settle() == (0, 0, [])


@pytest.mark.parametrize("days", [0, 15])
def test_the_project_says_how_long_it_may_be_taken_back(alice, clock, settings, days):
    settings.WXAUTH = {**settings.WXAUTH, "DELETION_DAYS": days}
    deletion.ask(login=alice)
    clock(days=days - 1)
    assert settle() == (0, 0, [])
    clock(days=1)
    assert settle() == (1, 0, [])


def test_asking_twice_changes_nothing(alice, clock):
    deletion.ask(login=alice)
    first = row(alice).deletion_due_at
    clock(days=3)
    deletion.ask(login=alice)
    assert row(alice).deletion_due_at == alice.person.deletion_due_at == first
    assert kinds() == ["deletion_asked"]


def test_it_may_be_taken_back_and_asked_for_again(alice, clock):
    deletion.cancel(login=alice)
    assert kinds() == []
    deletion.ask(login=alice)
    clock(days=6)
    deletion.cancel(login=alice)
    assert alice.person.deletion_due_at is None
    assert row(alice).deletion_asked_at is None
    clock(days=30)
    assert settle() == (0, 0, [])
    deletion.ask(login=alice)
    clock(days=7)
    assert settle() == (1, 0, [])
    assert kinds() == ["deletion_asked", "deletion_cancelled", "deletion_asked", "erased"]


def test_it_is_taken_back_until_it_is_done_also_when_it_is_due(alice, clock):
    deletion.ask(login=alice)
    clock(days=8)
    deletion.cancel(login=alice)
    assert settle() == (0, 0, [])


def test_nobody_asks_more_than_ten_times_a_day(alice, settings, monkeypatch):
    monkeypatch.setattr(limits, "_windows", limits._Windows())
    cache.clear()
    settings.WXAUTH = {**settings.WXAUTH, "LIMITS": {}}
    for _ in range(10):
        deletion.ask(login=alice)
        deletion.cancel(login=alice)
    with pytest.raises(RateLimited):
        deletion.ask(login=alice)


@pytest.mark.parametrize("flag", ["is_staff", "is_superuser"])
def test_staff_are_not_deleted_this_way(alice, clock, flag):
    deletion.ask(login=alice)
    clock(days=7)
    # Promoted meanwhile.
    User.objects.update(**{flag: True})
    assert settle() == (0, 1, [])
    assert "staff" in row(alice).deletion_refusal
    alice.person.user.refresh_from_db()
    with pytest.raises(DeletionRefused):
        deletion.ask(login=alice)


def test_the_adapter_may_refuse_with_its_own_words(alice, use):
    use(Shop)
    Shop.open_orders.add("alice")
    with pytest.raises(DeletionRefused, match="Your order is under way"):
        deletion.ask(login=alice)
    assert row(alice).deletion_due_at is None
    Shop.open_orders.clear()
    deletion.ask(login=alice)
    assert row(alice).deletion_due_at is not None


def test_refused_when_it_is_due_it_waits_for_the_staff_and_is_tried_every_day(alice, clock, use):
    deletion.ask(login=alice)
    clock(days=7)
    Shop.open_orders.add("alice")
    for _ in range(3):
        assert settle() == (0, 1, [])
        clock(days=1)
    assert row(alice).deletion_refusal == "Your order is under way."
    # Everything works meanwhile, and it is noted once.
    assert row(alice).is_shut_out is False
    assert kinds() == ["deletion_asked", "deletion_refused"]
    Shop.open_orders.clear()
    assert settle() == (1, 0, [])


def test_concluded_at_once_it_is_done_or_waits_for_the_staff(alice, use):
    Shop.open_orders.add("alice")
    conclude = lambda: transactions.run(  # noqa: E731
        lambda: deletion.conclude(alice.person_id, actor="push", appid=ONE)
    )
    assert conclude() is False
    person = row(alice)
    assert person.deletion_due_at == person.deletion_asked_at
    assert person.deletion_refusal
    Shop.open_orders.clear()
    assert conclude() is True
    events = Event.objects.order_by("pk").values_list("kind", "actor", "appid")
    assert list(events) == [("deletion_refused", "push", ONE), ("erased", "push", ONE)]


# -- logging in at each stage ------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_logging_in_takes_nothing_back_and_a_stranger_comes_after(fake_wechat, clock, client, use):
    def enter():
        code = fake_wechat.login_code("alice")
        fake_wechat.clock = lambda: timezone.now().timestamp()
        answer = client.post(
            "/api/wxauth/login/", {"code": code}, content_type="application/json"
        ).json()
        return answer["user"], answer["created"]

    first, _ = enter()
    assert first["deletion_due_at"] is None
    login = Login.objects.select_related("person__user", "via").get()
    deletion.ask(login=login)
    due_at = login.person.deletion_due_at
    clock(days=5)
    user, _ = enter()
    assert user["id"] == first["id"]
    assert datetime.fromisoformat(user["deletion_due_at"].replace("Z", "+00:00")) == (
        due_at.replace(microsecond=0)
    )
    # Due, and refused: she is let in all the same.
    clock(days=3)
    Shop.open_orders.add(login.person.user.username)
    assert settle() == (0, 1, [])
    user, created = enter()
    assert (user["id"], created) == (first["id"], False)
    Shop.open_orders.clear()
    assert settle() == (1, 0, [])
    user, created = enter()
    assert created
    assert user["id"] != first["id"]
    assert user["deletion_due_at"] is None
    assert set(Login.objects.values_list("person__user", flat=True)) == {int(user["id"])}


# -- many, and one that fails --------------------------------------------------------------------


def make_due(count):
    now = timezone.now()
    rows = [make_openid().identity.person for _ in range(count)]
    Person.objects.filter(pk__in=[each.pk for each in rows]).update(
        deletion_asked_at=now - timedelta(days=8), deletion_due_at=now - timedelta(days=1)
    )
    return rows


@pytest.mark.django_db(transaction=True)
def test_one_who_fails_keeps_nobody_waiting_and_loses_nothing(use, caplog):
    rows = make_due(5)
    use(Stubborn)
    Stubborn.key = rows[2].pk
    before = Person.objects.filter(pk=rows[2].pk).values().get()
    with caplog.at_level(logging.ERROR):
        assert settle() == (4, 0, [rows[2].pk])
    assert Person.objects.values().get() == before
    assert User.objects.get(pk=rows[2].pk).username == rows[2].user.username
    (record,) = [each for each in caplog.records if each.name == "wxauth.deletion"]
    assert record.getMessage() == f"User {rows[2].pk} could not be erased: RuntimeError."
    assert record.exc_info is None
    Stubborn.key = None
    assert settle() == (1, 0, [])


@pytest.mark.waits
@pytest.mark.django_db(transaction=True)
def test_a_thousand_at_once_with_one_who_fails(use):
    rows = make_due(1000)
    bystander = make_login()
    use(Stubborn)
    Stubborn.key = rows[500].pk
    assert settle() == (999, 0, [rows[500].pk])
    assert set(Person.objects.values_list("pk", flat=True)) == {rows[500].pk, bystander.person_id}
    assert Event.objects.filter(kind="erased").count() == 999


# -- merging -----------------------------------------------------------------------------------


def test_whoever_has_asked_is_merged_with_nobody(alice):
    bob = make_login(make_openid("bob"))
    deletion.ask(login=alice)
    for source, target in ((alice, bob), (bob, alice)):
        with pytest.raises(MergeRefused, match="has asked to be deleted"):
            merges.merge(source=source.person_id, target=target.person_id, actor="test")
    deletion.cancel(login=alice)
    merges.merge(source=alice.person_id, target=bob.person_id, actor="test")


@pytest.mark.django_db(transaction=True)
def test_whoever_has_asked_is_joined_with_nobody_at_a_login(fake_wechat, client):
    def enter(appid, unionid):
        fake_wechat.add_person("alice", appid=appid, unionid=unionid)
        body = {"code": fake_wechat.login_code("alice", appid), "appid": appid}
        return client.post("/api/wxauth/login/", body, content_type="application/json").json()

    enter(ONE, None)
    enter(TWO, "union-alice")
    login = Login.objects.select_related("person__user", "via").order_by("pk").first()
    deletion.ask(login=login)
    answer = enter(ONE, "union-alice")
    assert answer["user"]["id"] == str(login.person_id)
    assert not Merge.objects.exists()
    assert Conflict.objects.count() == 1


def test_who_was_merged_is_not_erased_alone(alice, clock):
    bob = make_login(make_openid("bob"))
    merges.merge(source=bob.person_id, target=alice.person_id, actor="test")
    Person.objects.filter(pk=bob.person_id).update(
        deletion_asked_at=timezone.now(), deletion_due_at=timezone.now()
    )
    clock(days=1)
    assert settle() == (0, 0, [])
    assert Person.objects.count() == 2


# -- fifteen working days ------------------------------------------------------------------------


def left(monkeypatch, asked, now):
    moment = timezone.make_aware(datetime.fromisoformat(now))
    monkeypatch.setattr(timezone, "now", lambda: moment)
    return working_days.left(timezone.make_aware(datetime.fromisoformat(asked)))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2025-03-03T23:59", 15),
        ("2025-03-04T00:01", 14),
        ("2025-03-09T12:00", 11),  # Sunday
        ("2025-03-17T12:00", 5),
        ("2025-03-24T12:00", 0),
        ("2025-03-25T12:00", -1),
    ],
)
def test_working_days_are_counted_from_the_day_after(monkeypatch, now, expected):
    assert left(monkeypatch, "2025-03-03T09:00", now) == expected  # A Monday.


def test_holidays_are_not_worked_and_some_weekends_are(monkeypatch):
    # Spring festival of 2025: 28 January to 4 February; worked are 26 January and 8 February.
    assert left(monkeypatch, "2025-01-24T09:00", "2025-02-10T09:00") == 15 - 7


def test_without_the_package_or_the_year_weekends_count(monkeypatch):
    assert left(monkeypatch, "2099-01-01T09:00", "2099-01-12T09:00") == 15 - 7
    monkeypatch.setattr(working_days, "is_workday", None)
    assert left(monkeypatch, "2025-01-24T09:00", "2025-02-10T09:00") == 15 - 11


def test_a_year_too_late_is_still_counted(monkeypatch):
    assert left(monkeypatch, "2021-01-01T09:00", "2025-01-01T09:00") < -200


@pytest.mark.parametrize(("passed", "late"), [(11, 0), (17, 1)])
def test_from_the_tenth_working_day_on_everybody_is_warned(
    alice, clock, use, caplog, monkeypatch, passed, late
):
    monkeypatch.setattr(working_days, "is_workday", None)
    monkeypatch.setattr(counts, "_by_process", {})
    deletion.ask(login=alice)
    Shop.open_orders.add("alice")
    clock(days=passed)
    with caplog.at_level(logging.ERROR, "wxauth.deletion"):
        settle()
    assert len(caplog.records) == late
    ids = [message.id for message in checks.check_deletions(databases=["default"])]
    assert ids == ["wxauth.W106"] * late
    assert checks.check_deletions() == []


@pytest.mark.django_db(transaction=True)
def test_the_count_of_late_deletions_is_written_by_the_command(alice, clock, use, monkeypatch):
    monkeypatch.setattr(counts, "_by_process", {})
    deletion.ask(login=alice)
    Shop.open_orders.add("alice")
    clock(days=30)
    settle()
    upkeep.clear_expired()
    counts.flush()
    assert DailyCount.objects.get(name="deletion_late").value == 1
