"""A code becomes a login: who is made, who is found, what is written, who hears of it."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db import IntegrityError, connection
from django.utils import timezone

from tests.rows import ONE, TWO, session_key
from tests.statements import capture_statements
from wxauth import database
from wxauth.adapter import Adapter
from wxauth.exceptions import (
    Blocked,
    CodeUsed,
    DatabaseUnavailable,
    InvalidCode,
    Misconfigured,
    NotRegistered,
    SignupRefused,
    UnknownApp,
    WeChatUnavailable,
)
from wxauth.models import Identity, Login, OpenId, Person
from wxauth.services.login import entry
from wxauth.services.login.by_code import log_in
from wxauth.services.login.enclosures import Enclosure
from wxauth.services.login.entry import Device
from wxauth.services.login.exchange import get_app
from wxauth.signals import logged_in, signed_up
from wxauth.testing import faults
from wxauth.types import Secret

User = get_user_model()
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def enter(fake_wechat):
    """Log a person in by a fresh code."""

    def enter(name="alice", appid=ONE, **options):
        code = Secret(fake_wechat.login_code(name, appid))
        return log_in(app=get_app(appid), code=code, **options)

    return enter


@pytest.fixture
def news():
    """(name of the signal, what it told), in the order of arrival."""
    heard = []
    signals = {
        "signed_up": signed_up,
        "logged_in": logged_in,
        "user_logged_in": user_logged_in,
        "user_login_failed": user_login_failed,
    }

    def listener(name):
        def listen(signal, **told):
            heard.append((name, told, connection.in_atomic_block))

        return listen

    listeners = {name: listener(name) for name in signals}
    for name, signal in signals.items():
        signal.connect(listeners[name])
    yield heard
    for name, signal in signals.items():
        signal.disconnect(listeners[name])


def names(news):
    return [name for name, *_ in news]


def rows():
    return [model.objects.count() for model in (User, Person, Identity, OpenId, Login)]


def test_alice_comes_for_the_first_time(enter, fake_wechat, settings):
    settings.WXAUTH = {**settings.WXAUTH, "TOKEN_TTL": 3600}
    before = timezone.now()
    done = enter(device=Device(user_agent="phone", address="203.0.113.7"))
    assert done.created
    assert rows() == [1, 1, 1, 1, 1]
    login = Login.objects.get()
    alice = fake_wechat.person("alice")
    assert login == done.login
    assert (login.openid, login.appid) == (alice.openid(ONE), ONE)
    assert login.via.identity.unionid == alice.unionid("default")
    assert login.via.identity.platform == "default"
    assert login.person == login.via.identity.person
    assert not login.person.user.has_usable_password()
    assert session_key(login) == fake_wechat.session_key("alice", ONE)
    assert fake_wechat.session_key("alice", ONE) not in login.sealed_session_key
    assert login.expires_at - login.created_at == timedelta(hours=1)
    assert before - timedelta(seconds=1) < login.created_at <= timezone.now()
    assert (login.channel, login.user_agent, login.address) == (
        "miniprogram", "phone", "203.0.113.7",
    )  # fmt: skip
    assert done.token.reveal().startswith("wxa_")
    assert done.token.reveal() not in str(Login.objects.values().get())


def test_alice_comes_back(enter):
    first, second = enter(), enter()
    assert (first.created, second.created) == (True, False)
    assert rows() == [1, 1, 1, 1, 2]
    assert first.login.person_id == second.login.person_id
    assert first.token.reveal() != second.token.reveal()


def test_alice_comes_through_another_app_of_the_platform(enter):
    one, two = enter(), enter(appid=TWO)
    assert not two.created
    assert one.login.person_id == two.login.person_id
    assert rows() == [1, 1, 1, 2, 2]


def statements(call):
    with capture_statements() as said:
        call()
    own = [sql for sql in said if "last_login" not in sql.partition("WHERE")[0] or "SET" not in sql]
    return [sql.split()[0] for sql in own]


def test_a_first_login_costs_eight_statements_and_a_returning_one_two(enter):
    assert statements(enter) == ["SELECT"] * 3 + ["INSERT"] * 5
    assert statements(enter) == ["SELECT", "INSERT"]
    Person.objects.update(last_seen_on=None)
    assert statements(enter) == ["SELECT", "INSERT", "UPDATE"]
    assert statements(enter) == ["SELECT", "INSERT"]


def test_the_last_day_is_noted_once_and_never_goes_back(enter):
    enter()
    person = Person.objects.get()
    assert person.last_seen_on is not None
    today = person.last_seen_on
    for day in (today - timedelta(days=3), today + timedelta(days=3)):
        Person.objects.update(last_seen_on=day)
        enter()
        assert Person.objects.get().last_seen_on == max(day, today)


# -- refusals ----------------------------------------------------------------------------------


def test_whoever_may_not_log_in_leaves_no_login(enter):
    enter()
    user, person = User.objects.get(), Person.objects.get()
    other = Person.objects.create(
        user=User.objects.create(username="survivor"), created_at=timezone.now()
    )
    for row, changes, back in (
        (Person, {"blocked_at": timezone.now()}, {"blocked_at": None}),
        (Person, {"merged_into": other}, {"merged_into": None}),
        (User, {"is_active": False}, {"is_active": True}),
    ):
        row.objects.filter(pk=user.pk).update(**changes)
        with pytest.raises(Blocked):
            enter()
        row.objects.filter(pk=user.pk).update(**back)
    assert Login.objects.count() == 1
    assert enter().login.person == person


def test_a_stranger_is_not_registered_against_their_will(enter, settings):
    with pytest.raises(NotRegistered):
        enter(signup=False)
    settings.WXAUTH = {**settings.WXAUTH, "SIGNUP": "closed"}
    with pytest.raises(NotRegistered):
        enter()
    assert rows() == [0] * 5


def test_whoever_is_known_needs_no_sign_up(enter, settings):
    enter()
    assert not enter(signup=False).created
    settings.WXAUTH = {**settings.WXAUTH, "SIGNUP": "closed"}
    assert not enter().created
    # Known through another app of the platform: nobody is made, so nothing is closed.
    assert not enter(appid=TWO, signup=False).created


def test_every_refusal_of_wechat_writes_nothing_and_is_told_without_the_code(
    enter, fake_wechat, news
):
    used = fake_wechat.login_code("bob")
    log_in(app=get_app(None), code=Secret(used))
    before = rows()
    news.clear()
    with pytest.raises(CodeUsed):
        log_in(app=get_app(None), code=Secret(used))
    with pytest.raises(InvalidCode):
        log_in(app=get_app(None), code=Secret("no-such-code"))
    with pytest.raises(InvalidCode):
        log_in(app=get_app(ONE), code=Secret(fake_wechat.login_code("bob", TWO)))
    for errcode, error in ((-1, WeChatUnavailable), (40226, Blocked), (40125, Misconfigured)):
        fake_wechat.faults.add(faults.Errcode(errcode))
        with pytest.raises(error):
            enter()
    assert rows() == before
    assert names(news) == ["user_login_failed"] * 6
    assert all(told["credentials"] == {"appid": ONE} for _, told, _ in news)


def test_only_a_configured_mini_program_has_codes(fake_wechat, settings):
    apps = {**settings.WXAUTH["APPS"], TWO: {"SECRET": "s", "KIND": "website"}}
    settings.WXAUTH = {**settings.WXAUTH, "APPS": apps}
    for appid in ("wx-other", TWO):
        with pytest.raises(UnknownApp):
            log_in(app=get_app(appid), code=Secret("code"))
    assert fake_wechat.calls == []


# -- news --------------------------------------------------------------------------------------


def test_news_comes_after_the_commit_and_once(enter, news):
    done = enter()
    assert names(news) == ["signed_up", "logged_in", "user_logged_in"]
    assert not any(in_transaction for *_, in_transaction in news)
    (_, signup, _), (_, login, _), (_, django, _) = news
    assert signup["login"] == login["login"] == done.login
    assert signup["user"] == login["user"] == django["user"] == done.login.person.user
    assert signup["sender"] is login["sender"] is User
    assert (login["created"], django["request"]) == (True, None)
    news.clear()
    enter()
    assert names(news) == ["logged_in", "user_logged_in"]
    assert news[0][1]["created"] is False


def test_last_login_is_noted_once_a_day_and_every_login_is_news(enter, news):
    user = enter().login.person.user
    first = User.objects.get(pk=user.pk).last_login
    assert first is not None
    news.clear()
    enter()
    assert User.objects.get(pk=user.pk).last_login == first
    assert names(news) == ["logged_in", "user_logged_in"]
    User.objects.update(last_login=first - timedelta(days=1))
    enter()
    assert User.objects.get(pk=user.pk).last_login > first
    assert names(news) == ["logged_in", "user_logged_in"] * 2


def test_a_login_that_was_told_again_is_news_once(enter, news, monkeypatch):
    monkeypatch.setattr(database.time, "sleep", lambda seconds: None)
    real, told = entry._note_visit, []

    def note(person, now):
        told.append(person)
        if len(told) < 3:
            raise IntegrityError("somebody was faster")
        real(person, now)

    monkeypatch.setattr(entry, "_note_visit", note)
    assert enter().created
    assert rows() == [1, 1, 1, 1, 1]
    assert names(news) == ["signed_up", "logged_in", "user_logged_in"]


def test_a_login_that_the_database_refused_is_no_news(enter, news, monkeypatch):
    from django.db import OperationalError

    def note(person, now):
        raise OperationalError("down")

    monkeypatch.setattr(database.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(entry, "_note_visit", note)
    with pytest.raises(DatabaseUnavailable):
        enter()
    assert rows() == [0] * 5
    assert names(news) == ["user_login_failed"]


@pytest.mark.parametrize("signal", [signed_up, logged_in, user_logged_in])
def test_a_listener_that_fails_breaks_nothing(enter, signal):
    def listener(**told):
        raise RuntimeError("not our business")

    signal.connect(listener)
    try:
        assert enter().created
    finally:
        signal.disconnect(listener)
    assert rows() == [1, 1, 1, 1, 1]


# -- the adapter -------------------------------------------------------------------------------


class Legacy(Adapter):
    """A project whose people are older than wxauth: ``extra`` names them, for the test."""

    asked: list = []

    def find_user(self, **about):
        self.asked.append(about)
        return User.objects.filter(username=about["extra"].get("name", "")).first()

    def login_payload(self, **about):
        return {"created": about["created"], "name": about["user"].get_username()}


class Refusing(Adapter):
    def build_user(self, **about):
        self.refuse(code="staff_only", detail="Staff only.")


class Broken(Adapter):
    def build_user(self, **about):
        User.objects.create(username="half-made")
        raise RuntimeError("a bug of the project")


class Colliding(Adapter):
    def build_user(self, **about):
        return User(username="always-the-same")


@pytest.fixture
def adapter(settings):
    def choose(kind):
        settings.WXAUTH = {**settings.WXAUTH, "ADAPTER": f"{__name__}.{kind.__name__}"}

    Legacy.asked.clear()
    return choose


def test_the_projects_own_user_is_adopted(enter, adapter, fake_wechat):
    adapter(Legacy)
    legacy = User.objects.create(username="legacy")
    done = enter(extra={"name": "legacy"})
    assert (done.created, done.login.person.user) == (False, legacy)
    assert done.extra == {"created": False, "name": "legacy"}
    assert rows() == [1, 1, 1, 1, 1]
    alice = fake_wechat.person("alice")
    asked = Legacy.asked[-1]
    assert (asked["app"].appid, asked["openid"]) == (ONE, alice.openid(ONE))
    assert (asked["unionid"], asked["phone"]) == (alice.unionid("default"), None)
    assert asked["extra"] == {"name": "legacy"}


def test_an_inactive_user_is_not_let_in_by_adoption(enter, adapter):
    adapter(Legacy)
    User.objects.create(username="legacy", is_active=False)
    with pytest.raises(Blocked):
        enter(extra={"name": "legacy"})
    assert rows() == [1, 0, 0, 0, 0]


def test_a_user_with_an_openid_in_this_app_is_not_given_a_second_one(enter, adapter, caplog):
    adapter(Legacy)
    User.objects.create(username="legacy")
    alice = enter("alice", extra={"name": "legacy"})
    with caplog.at_level(logging.WARNING, "wxauth"):
        eve = enter("eve", extra={"name": "legacy"})
    assert eve.created
    assert eve.login.person_id != alice.login.person_id
    assert "already has another openid" in caplog.text


class Replica:
    """A project's router that reads what belongs to a row from a copy, which is down."""

    def db_for_read(self, model, instance=None, **hints):
        return "replica" if instance is not None else None


def test_whether_an_adopted_user_is_active_is_asked_of_the_primary(
    enter, adapter, fake_wechat, settings
):
    adapter(Legacy)
    User.objects.create(username="legacy")
    fake_wechat.add_person("alice", unionid=None)
    settings.DATABASE_ROUTERS = [f"{__name__}.Replica"]
    for appid in (ONE, TWO):
        assert not enter(appid=appid, extra={"name": "legacy"}).created
    assert rows() == [1, 1, 2, 2, 2]
    User.objects.update(is_active=False)
    with pytest.raises(Blocked):
        enter(extra={"name": "legacy"})


def test_a_refusal_of_the_adapter_undoes_everything(enter, adapter):
    adapter(Refusing)
    with pytest.raises(SignupRefused) as raised:
        enter()
    assert (raised.value.code, raised.value.detail) == ("staff_only", "Staff only.")
    assert rows() == [0] * 5


def test_a_bug_of_the_adapter_undoes_everything(enter, adapter):
    adapter(Broken)
    with pytest.raises(RuntimeError):
        enter()
    assert rows() == [0] * 5


def test_a_constraint_of_the_project_that_stands_surfaces(enter, adapter):
    adapter(Colliding)
    enter("alice")
    with pytest.raises(IntegrityError):
        enter("bob")
    assert rows() == [1, 1, 1, 1, 1]


# -- enclosures --------------------------------------------------------------------------------


def test_what_comes_with_the_code_is_kept(enter, fake_wechat):
    info, number = fake_wechat.user_info("alice", real=True), fake_wechat.phone_data("alice")
    done = enter(
        enclosure=Enclosure(
            raw_data=info["rawData"], signature=info["signature"],
            encrypted_data=number["encryptedData"], iv=number["iv"],
        )
    )  # fmt: skip
    assert done.warnings == ()
    person = Person.objects.get()
    assert (person.nickname, person.nickname_appid) == ("小爱", ONE)
    assert person.phone_hash is not None


def test_what_cannot_be_read_is_a_warning_and_the_login_stands(enter, fake_wechat):
    others = fake_wechat.user_info("bob", real=True)
    done = enter(
        enclosure=Enclosure(
            raw_data=others["rawData"], signature=others["signature"],
            encrypted_data=others["encryptedData"], iv=others["iv"],
        )
    )  # fmt: skip
    assert [warning.field for warning in done.warnings] == ["rawData", "encryptedData"]
    assert Login.objects.get() == done.login
    assert Person.objects.get().nickname == ""


def test_somebody_elses_number_is_a_warning_and_the_login_stands(enter, fake_wechat):
    for name in ("alice", "bob"):
        fake_wechat.add_person(name, phone="13800138001")
        number = fake_wechat.phone_data(name, ONE)
        done = enter(
            name, enclosure=Enclosure(encrypted_data=number["encryptedData"], iv=number["iv"])
        )
    assert [type(warning.error).__name__ for warning in done.warnings] == ["Conflict"]
    assert Person.objects.exclude(phone_hash=None).count() == 1
