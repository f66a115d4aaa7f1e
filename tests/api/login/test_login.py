"""POST login/: what a mini-program sends and what it gets."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone

import pytest

from tests.api.contract import assert_error, assert_headers
from tests.api.phone import APP_ONE, APP_TWO, bearer, call, log_in
from wxauth.crypto.tokens import token_digest
from wxauth.models import Login, OpenId, Person

pytestmark = pytest.mark.django_db


def test_alice_logs_in_and_becomes_a_user(fake_wechat, client):
    answer = log_in(client, fake_wechat, "alice")
    assert answer.status_code == 200, answer.content
    assert_headers(answer)
    body = answer.json()
    person = Person.objects.get()
    assert body == {
        "token": body["token"],
        "token_type": "Bearer",
        "expires_in": 7 * 24 * 3600,
        "expires_at": body["expires_at"],
        "created": True,
        "user": {
            "id": str(person.pk),
            "nickname": None,
            "avatar": None,
            "phone": None,
            "created_at": body["user"]["created_at"],
            "deletion_due_at": None,
        },
        "warnings": [],
        "extra": {},
    }


def test_the_token_lets_alice_in_as_the_user_of_the_answer(fake_wechat, client):
    body = log_in(client, fake_wechat, "alice").json()
    assert re.fullmatch(r"wxa_[A-Za-z0-9_-]{43}", body["token"])
    me = client.get("/api/wxauth/me", headers=bearer(body["token"]))
    assert me.json() == body["user"]


def test_times_are_utc_with_a_z(fake_wechat, client):
    body = log_in(client, fake_wechat).json()
    expires, created = (
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
        for text in (body["expires_at"], body["user"]["created_at"])
    )
    assert expires - created == timedelta(days=7)
    assert abs(datetime.now(timezone.utc) - created) < timedelta(minutes=1)


def test_a_token_lives_as_long_as_the_setting_says(fake_wechat, client, configure):
    configure(TOKEN_TTL=3600)
    assert log_in(client, fake_wechat).json()["expires_in"] == 3600
    login = Login.objects.get()
    assert login.expires_at - login.created_at == timedelta(hours=1)


def test_the_second_login_finds_the_same_user(fake_wechat, client):
    first = log_in(client, fake_wechat).json()
    second = log_in(client, fake_wechat).json()
    assert (first["created"], second["created"]) == (True, False)
    assert first["user"] == second["user"]
    assert first["token"] != second["token"]
    assert Person.objects.count() == 1


def test_each_login_has_a_token_of_its_own_and_both_are_good(fake_wechat, client):
    tokens = [log_in(client, fake_wechat).json()["token"] for _ in range(2)]
    for token in tokens:
        assert client.get("/api/wxauth/me/", headers=bearer(token)).status_code == 200


def test_alice_and_bob_are_two_people(alice, bob):
    assert alice.me()["id"] != bob.me()["id"]


def test_without_appid_the_default_app_is_meant(fake_wechat, client):
    log_in(client, fake_wechat)
    assert OpenId.objects.get().appid == APP_ONE


def test_the_second_mini_program_of_the_platform_knows_alice_already(fake_wechat, client, alice):
    """By the unionid that WeChat tells both of them."""
    body = log_in(client, fake_wechat, "alice", appid=APP_TWO).json()
    assert body["created"] is False
    assert body["user"]["id"] == alice.me()["id"]
    assert set(OpenId.objects.values_list("appid", flat=True)) == {APP_ONE, APP_TWO}


def test_without_a_platform_the_second_mini_program_meets_a_stranger(fake_wechat, client, alice):
    fake_wechat.add_app(APP_TWO, "secret-of-app-two", platform=None)
    assert log_in(client, fake_wechat, "alice", appid=APP_TWO).json()["created"] is True


@pytest.mark.parametrize("appid", ["wxffffffffffffffff", APP_ONE.upper(), APP_ONE + " ", "微信"])
def test_an_unknown_appid_is_refused_before_wechat_is_asked(
    fake_wechat, client, appid, assert_nothing_written
):
    answer = call(client, "POST", "login/", {"code": "x", "appid": appid})
    assert_error(answer, "unknown_app")
    assert fake_wechat.calls == []


def test_an_official_account_has_no_codes_of_wx_login(fake_wechat, client, configure, settings):
    apps = {**settings.WXAUTH["APPS"], "wxoa": {"SECRET": "s", "KIND": "officialaccount"}}
    configure(APPS=apps)
    answer = call(client, "POST", "login/", {"code": "x", "appid": "wxoa"})
    assert_error(answer, "unknown_app")
    assert fake_wechat.calls == []


def test_where_there_is_no_default_app_the_appid_is_needed(fake_wechat, client, configure):
    configure(DEFAULT_APP=None)
    assert_error(call(client, "POST", "login/", {"code": "x"}), "unknown_app")
    assert log_in(client, fake_wechat, appid=APP_ONE).status_code == 200


def test_unknown_fields_are_ignored(fake_wechat, client):
    answer = log_in(client, fake_wechat, scene=1001, errMsg="login:ok", nested={"a": [1]})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "claim",
    [
        {"openid": "{openid}"},
        {"unionid": "{unionid}"},
        {"openId": "{openid}", "unionId": "{unionid}"},
        {"user_id": "{user}", "id": "{user}", "user": "{user}", "person": "{user}"},
        {"phone": "+8613800138001", "is_staff": True, "is_superuser": True},
        {"extra": {"openid": "{openid}", "unionid": "{unionid}", "user_id": "{user}"}},
    ],
    ids=lambda claim: ",".join(claim),
)
def test_eve_cannot_become_alice_by_saying_so(fake_wechat, client, alice, claim):
    """Identity comes from WeChat's answer alone; nothing that a client sends says who it is."""
    person = fake_wechat.person("alice")
    text = json.dumps(claim)
    text = text.replace("{openid}", person.openid(APP_ONE))
    text = text.replace("{unionid}", person.unionid("default"))
    text = text.replace("{user}", alice.me()["id"])
    body = log_in(client, fake_wechat, "eve", **json.loads(text)).json()
    assert body["created"] is True
    assert body["user"]["id"] != alice.me()["id"]
    assert body["user"]["phone"] is None
    user = Login.objects.latest("pk").person.user
    assert (user.is_staff, user.is_superuser) == (False, False)


def test_the_answer_says_nothing_that_is_not_the_phones_business(fake_wechat, client):
    text = log_in(client, fake_wechat).content.decode()
    alice = fake_wechat.person("alice")
    for secret in (
        alice.openid(APP_ONE),
        alice.unionid("default"),
        fake_wechat.session_key("alice"),
        "secret-of-app-one",
    ):
        assert secret not in text


def test_the_token_is_kept_as_its_digest_and_the_session_key_sealed(fake_wechat, client):
    token = log_in(client, fake_wechat).json()["token"]
    (row,) = Login.objects.values()
    assert row["digest"] == token_digest(token)
    kept = repr(row)
    assert token not in kept
    assert fake_wechat.session_key("alice") not in kept


def test_the_login_remembers_the_phone(fake_wechat, client):
    agent = "MicroMessenger/8.0 " + "x" * 300
    code = fake_wechat.login_code("alice")
    call(client, "POST", "login/", {"code": code}, headers={"User-Agent": agent})
    login = Login.objects.get()
    assert login.user_agent == agent[:200]
    assert login.address == "127.0.0.1"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "198.51.100.7, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.7, 203.0.113.9", "198.51.100.7"),
        (2, "203.0.113.9", None),
        (1, "<script>", None),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "2001:db8::1%eth0", "2001:db8::1"),
    ],
)
def test_only_what_a_trusted_proxy_appended_is_the_address(
    fake_wechat, client, configure, proxies, forwarded, address
):
    configure(TRUSTED_PROXIES=proxies)
    code = fake_wechat.login_code("alice")
    call(client, "POST", "login/", {"code": code}, headers={"X-Forwarded-For": forwarded})
    assert Login.objects.get().address == address
