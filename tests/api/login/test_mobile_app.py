"""POST login/ from a mobile app: the code of its SDK (移动应用)."""

from __future__ import annotations

import logging

import pytest
from django.test import Client

from tests.api.contract import assert_error
from tests.api.phone import APP_ONE, APP_TWO, Phone, call, log_in
from tests.statements import capture_statements
from wxauth.models import Identity, Login, OpenId, Person
from wxauth.testing import faults

pytestmark = pytest.mark.django_db

MOBILE, SITE, ACCOUNT = "wx0000000000000004", "wx0000000000000005", "wx0000000000000006"
APPS = {MOBILE: "mobileapp", SITE: "website", ACCOUNT: "officialaccount"}


@pytest.fixture(autouse=True)
def doors(configure, settings, fake_wechat):
    apps = dict(settings.WXAUTH["APPS"])
    for appid, kind in APPS.items():
        apps[appid] = {"SECRET": "secret-of-a-door", "KIND": kind}
        fake_wechat.add_app(appid, "secret-of-a-door", kind=kind)
    configure(APPS=apps)


@pytest.fixture
def alice_in_app(fake_wechat):
    return Phone(fake_wechat, "alice", MOBILE)


def test_alice_logs_in_with_the_app_and_is_who_she_is_in_the_mini_program(alice, alice_in_app):
    assert alice_in_app.me()["id"] == alice.me()["id"]
    assert alice_in_app.login.channel == "mobileapp"
    assert alice_in_app.login.sealed_session_key is None
    assert (Identity.objects.count(), OpenId.objects.count()) == (1, 2)


def test_the_answer_is_that_of_every_login(fake_wechat, client):
    bodies = [log_in(client, fake_wechat, "alice", appid=each).json() for each in (MOBILE, APP_ONE)]
    assert bodies[0].keys() == bodies[1].keys()
    assert [body["created"] for body in bodies] == [True, False]
    # What WeChat showed at sign-up.
    assert bodies[0]["user"]["nickname"] == "小爱"


def test_a_returning_login_costs_what_one_of_a_mini_program_does(fake_wechat, client, alice_in_app):
    with capture_statements() as mobile:
        log_in(client, fake_wechat, "alice", appid=MOBILE)
    log_in(client, fake_wechat, "alice", appid=APP_ONE)
    with capture_statements() as mini:
        log_in(client, fake_wechat, "alice", appid=APP_ONE)
    assert len(mobile) == len(mini)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"phone_code": "a"}, "phone_code"),
        ({"encryptedData": "a", "iv": "b"}, "encryptedData"),
        ({"rawData": "{}", "signature": "b"}, "rawData"),
        ({"phone_code": "a", "rawData": "{}", "signature": "b"}, "phone_code"),
    ],
)
def test_what_only_a_mini_program_has_is_refused_and_the_code_is_not_spent(
    fake_wechat, client, fields, field, assert_nothing_written
):
    code = fake_wechat.login_code("alice", MOBILE)
    answer = call(client, "POST", "login/", {"code": code, "appid": MOBILE, **fields})
    assert_error(answer, "invalid_request", field=field)
    assert fake_wechat.calls == []


def test_what_needs_a_session_key_says_that_there_is_none(alice_in_app):
    data = {"encryptedData": "AAAA", "iv": "AAAA"}
    for path, body in (
        ("me/userinfo/", data),
        ("decrypt/", data),
        ("me/phone/", data),
        ("session/check/", {}),
    ):
        assert_error(alice_in_app.post(path, body), "session_key_missing")


def test_a_phone_code_with_a_login_of_the_app_is_refused_by_name(alice_in_app):
    code = alice_in_app.fake.phone_code("alice", APP_ONE)
    before = len(alice_in_app.fake.calls)
    assert_error(
        alice_in_app.post("me/phone/", {"phone_code": code}), "invalid_request", field="phone_code"
    )
    assert len(alice_in_app.fake.calls) == before


@pytest.mark.parametrize("appid", [SITE, ACCOUNT])
@pytest.mark.parametrize("path", ["login/", "link/"])
def test_a_code_that_belongs_into_a_browser_is_refused(fake_wechat, alice, appid, path, count_rows):
    """Nothing binds it to whoever sends it: it would log her in as eve."""
    before, asked = count_rows(), len(fake_wechat.calls)
    body = {"code": fake_wechat.oauth2_code("eve", appid), "appid": appid}
    assert_error(alice.post(path, body), "unknown_app")
    assert (count_rows(), len(fake_wechat.calls)) == (before, asked)


@pytest.mark.parametrize("appid", [APP_TWO, MOBILE])
def test_a_code_of_another_app_is_refused(fake_wechat, client, appid, assert_nothing_written):
    other = MOBILE if appid == APP_TWO else APP_TWO
    code = fake_wechat.login_code("alice", other)
    assert_error(call(client, "POST", "login/", {"code": code, "appid": appid}), "invalid_code")


FAULTS = {
    "used": (faults.Errcode(40163), "code_used"),
    "expired": (faults.Errcode(42003), "invalid_code"),
    "foreign": (faults.Errcode(40029), "invalid_code"),
    "unknown appid": (faults.Errcode(40013), "misconfigured"),
    "wrong secret": (faults.Errcode(40125), "misconfigured"),
    "not granted": (faults.Errcode(48001), "misconfigured"),
    "busy": (faults.Errcode(-1), "wechat_unavailable"),
    "blocked": (faults.Errcode(50002), "blocked"),
    "limited": (faults.Errcode(45011), "rate_limited"),
    "html": (faults.html(), "wechat_unavailable"),
    "portal": (faults.html(200), "wechat_bad_response"),
    "empty": (faults.empty(), "wechat_bad_response"),
    "no openid": (faults.Fields(missing=["openid"]), "wechat_bad_response"),
    "snapshot": (faults.Fields({"is_snapshotuser": 1}), "snapshot"),
    "reset": (faults.Reset(), "wechat_bad_response"),
    "silence": (faults.Slow(30), "wechat_timeout"),
}


@pytest.mark.parametrize(("fault", "code"), FAULTS.values(), ids=FAULTS)
def test_what_goes_wrong_at_wechat_has_its_answer_and_leaves_no_row(
    fake_wechat, client, fault, code, assert_nothing_written, request
):
    if isinstance(fault, faults.Slow):
        request.getfixturevalue("impatient")
    fake_wechat.faults.add(fault, path=faults.OAUTH2)
    assert_error(log_in(client, fake_wechat, "alice", appid=MOBILE), code)


def test_the_same_code_twice_from_one_phone_is_one_exchange(fake_wechat, client):
    body = {"code": fake_wechat.login_code("alice", MOBILE), "appid": MOBILE}
    answers = [call(client, "POST", "login/", body).json() for _ in range(2)]
    assert [answer["created"] for answer in answers] == [True, True]
    assert [each.path for each in fake_wechat.calls].count(faults.OAUTH2) == 1
    assert_error(call(client, "POST", "login/", body, headers={"User-Agent": "eve"}), "code_used")


def test_the_profile_is_asked_after_the_commit_and_its_failure_fails_nothing(fake_wechat, client):
    fake_wechat.faults.add(faults.Reset(), path=faults.USER_INFO)
    answer = log_in(client, fake_wechat, "alice", appid=MOBILE)
    assert (answer.status_code, answer.json()["user"]["nickname"]) == (200, None)
    log_in(client, fake_wechat, "alice", appid=MOBILE)
    # Once is all: a nickname that came later would undo what its owner has chosen meanwhile.
    assert [each.path for each in fake_wechat.calls].count(faults.USER_INFO) == 1


def test_a_profile_that_takes_its_time_is_not_waited_for(fake_wechat, client, monkeypatch):
    monkeypatch.setattr("wxauth.services.profile.user_info.PATIENCE", 0.1)
    fake_wechat.faults.add(faults.Slow(30), path=faults.USER_INFO)
    assert log_in(client, fake_wechat, "alice", appid=MOBILE).json()["created"] is True


def test_wechats_placeholder_is_nobodys_name(fake_wechat, client):
    fake_wechat.add_person("nemo")
    assert log_in(client, fake_wechat, "nemo", appid=MOBILE).json()["user"]["nickname"] is None


def test_bob_links_the_app_to_his_account(fake_wechat, bob, configure, settings):
    apps = {**settings.WXAUTH["APPS"]}
    apps[MOBILE] = {**apps[MOBILE], "PLATFORM": "another"}
    configure(APPS=apps)
    fake_wechat.add_app(MOBILE, "secret-of-a-door", platform="another", kind="mobileapp")
    answer = bob.post("link/", {"code": fake_wechat.login_code("bob", MOBILE), "appid": MOBILE})
    assert answer.json()["user"]["id"] == bob.me()["id"]
    assert Person.objects.get().identities.count() == 2
    assert Login.objects.latest("pk").channel == "mobileapp"


def test_an_app_of_another_platform_knows_nobody(fake_wechat, alice, configure, settings):
    apps = {**settings.WXAUTH["APPS"]}
    apps[MOBILE] = {**apps[MOBILE], "PLATFORM": "another"}
    configure(APPS=apps)
    fake_wechat.add_app(MOBILE, "secret-of-a-door", platform="another", kind="mobileapp")
    assert Phone(fake_wechat, "alice", MOBILE).me()["id"] != alice.me()["id"]


def test_no_log_holds_the_code_or_a_token(fake_wechat, caplog):
    with caplog.at_level(logging.DEBUG):
        code = fake_wechat.login_code("alice", MOBILE)
        body = call(Client(), "POST", "login/", {"code": code, "appid": MOBILE}).json()
    text = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    tokens = list(fake_wechat._grants)
    assert len(tokens) == 1
    for secret in (code, body["token"], "secret-of-a-door", *tokens):
        assert secret not in text
