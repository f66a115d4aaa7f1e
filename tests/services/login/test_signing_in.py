"""The one ending: whatever proved an openid, the same people, rows, news and refusals."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model

from tests.rows import ONE
from wxauth.conf import conf
from wxauth.exceptions import (
    NotRegistered,
    RateLimited,
    SessionKeyMissing,
    SnapshotUser,
    UnknownApp,
)
from wxauth.models import Identity, Login, OpenId, Person
from wxauth.services.data import opening, wechat_session
from wxauth.services.login import exchange
from wxauth.services.login.entry import Device
from wxauth.services.login.signing_in import sign_in
from wxauth.testing import faults
from wxauth.types import Channel, Secret, Session

pytestmark = pytest.mark.django_db(transaction=True)

MOBILE, SITE, ACCOUNT = "wx0000000000000004", "wx0000000000000005", "wx0000000000000006"
KINDS = {MOBILE: "mobileapp", SITE: "website", ACCOUNT: "officialaccount"}


@pytest.fixture(autouse=True)
def doors(settings, fake_wechat):
    apps = dict(settings.WXAUTH["APPS"])
    for appid, kind in KINDS.items():
        apps[appid] = {"SECRET": "secret-of-a-door", "KIND": kind}
        fake_wechat.add_app(appid, "secret-of-a-door", kind=kind)
    settings.WXAUTH = {**settings.WXAUTH, "APPS": apps}


@pytest.fixture
def come(fake_wechat):
    """Come through the door of this app: prove an openid, and sign in."""

    def come(name="alice", appid=MOBILE, *, scope=None, **options):
        app = conf.get_app(appid)
        code = Secret(
            fake_wechat.oauth2_code(name, appid, scope=scope)
            if appid in KINDS
            else fake_wechat.login_code(name, appid)
        )
        session = exchange.exchange(app=app, code=code)
        return sign_in(app=app, session=session, device=Device(), **options)

    return come


def rows():
    return [m.objects.count() for m in (get_user_model(), Person, Identity, OpenId, Login)]


@pytest.mark.parametrize("appid", KINDS)
def test_a_stranger_becomes_a_user_without_a_session_key(come, appid):
    done = come(appid=appid)
    login = Login.objects.get()
    assert done.created
    assert rows() == [1, 1, 1, 1, 1]
    assert (login.channel, login.sealed_session_key) == (KINDS[appid], None)
    with pytest.raises(SessionKeyMissing):
        wechat_session.check(login=login)
    with pytest.raises(SessionKeyMissing):
        opening.open_data(login=login, encrypted_data="AAAA", iv="AAAA")


def test_one_person_through_all_kinds_of_apps_is_one_user(come):
    keys = {come("alice", appid).login.person_id for appid in (SITE, ONE, ACCOUNT, MOBILE, SITE)}
    assert len(keys) == 1
    assert rows() == [1, 1, 1, 4, 5]


def test_the_silent_scope_knows_an_openid_and_makes_nobody(come):
    with pytest.raises(NotRegistered):
        come(appid=ACCOUNT, scope="snsapi_base", signup=False)
    assert rows() == [0] * 5
    known = come(appid=ACCOUNT).login.person_id
    assert come(appid=ACCOUNT, scope="snsapi_base", signup=False).login.person_id == known


def test_a_snapshot_leaves_no_trace(fake_wechat):
    code = Secret(fake_wechat.oauth2_code("alice", ACCOUNT, snapshot=True))
    with pytest.raises(SnapshotUser):
        exchange.exchange(app=conf.get_app(ACCOUNT), code=code)
    assert rows() == [0] * 5


def test_a_door_says_how_it_is_called_and_how_long_its_login_lives(come):
    login = come(channel=Channel.WEBSITE, seconds=1209600).login
    assert login.channel == "website"
    assert login.expires_at - login.created_at == timedelta(days=14)


def test_every_door_counts_the_openid(come, settings):
    settings.WXAUTH["LIMITS"] = {**settings.WXAUTH["LIMITS"], "login_openid": "1/hour"}
    come(appid=SITE)
    with pytest.raises(RateLimited):
        come(appid=SITE)


def test_the_profile_is_asked_once_at_sign_up(come, fake_wechat):
    fake_wechat.add_person("alice", nickname="é 😀\x01", avatar_url="https://thirdwx.qlogo.cn/a/0")
    come()
    come()
    come(appid=SITE)
    person = Person.objects.get()
    assert (person.nickname, person.avatar_url) == ("é 😀", "https://thirdwx.qlogo.cn/a/0")
    assert [call.path for call in fake_wechat.calls].count(faults.USER_INFO) == 1


@pytest.mark.parametrize(
    "fault",
    [faults.Errcode(48001), faults.Errcode(-1), faults.html(), faults.empty(), faults.Reset()],
    ids=lambda fault: type(fault).__name__,
)
def test_a_profile_that_is_not_to_be_had_fails_nothing(come, fake_wechat, fault, caplog):
    fake_wechat.faults.add(fault, path=faults.USER_INFO)
    with caplog.at_level(logging.WARNING):
        assert come().created
    assert rows() == [1, 1, 1, 1, 1]
    assert Person.objects.get().nickname == ""
    assert "is without a nickname" in caplog.text


def test_a_session_of_nobodys_profile_asks_for_none(fake_wechat):
    app = conf.get_app(MOBILE)
    assert sign_in(app=app, session=Session("o1"), device=Device()).created
    assert fake_wechat.calls == []


def test_each_kind_of_app_has_its_place(fake_wechat):
    for appid in (ONE, MOBILE):
        assert exchange.get_app(appid).appid == appid
        with pytest.raises(UnknownApp):
            exchange.get_browser_app(appid)
    for appid in (SITE, ACCOUNT):
        assert exchange.get_browser_app(appid).appid == appid
        with pytest.raises(UnknownApp):
            exchange.get_app(appid)
