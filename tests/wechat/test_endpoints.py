"""Every endpoint but the login's, against a WeChat on a real socket."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections import Counter
from pathlib import Path

import pytest

from wxauth.exceptions import (
    InvalidPhoneCode,
    Misconfigured,
    SessionKeyMissing,
    WeChatBadResponse,
    WeChatLimit,
    WeChatTimeout,
    WeChatUnavailable,
)
from wxauth.testing import FakeWeChat, FakeWeChatServer, faults
from wxauth.types import App, Secret
from wxauth.wechat import client as client_module
from wxauth.wechat.client import WeChatClient, _signed
from wxauth.wechat.guard import Guard
from wxauth.wechat.transport import Transport

APPID, OTHER = "wx1111111111111111", "wx2222222222222222"
CHECK, RESET = "/wxa/checksession", "/wxa/resetusersessionkey"
VECTORS = Path(__file__).parents[1] / "crypto" / "vectors.json"


class Source:
    """Asks WeChat each time that its token was refused; keeps it otherwise."""

    def __init__(self):
        self.client = None
        self.token = None

    def get(self, appid, *, seconds):
        if self.token is None:
            self.token = self.client.stable_access_token()[0]
        return self.token

    def refused(self, appid, token, *, seconds):
        self.token = None
        return self.get(appid, seconds=seconds)


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(client_module, "PAUSE", 0.0)
    fake = FakeWeChat()
    fake.add_app(APPID, "s3cret")
    fake.add_app(OTHER, "s3cret")
    with FakeWeChatServer(fake):
        yield fake


@pytest.fixture
def client(fake):
    transport = Transport(fake.url, read_timeout=0.3)
    source = Source()
    source.client = WeChatClient(App(APPID, Secret("s3cret")), transport, access_tokens=source)
    source.client.source = source
    yield source.client
    transport.close()


def calls(fake):
    return Counter(call.path for call in fake.calls)


def phone(client, fake, person="alice", **options):
    code = Secret(options.pop("code", None) or fake.phone_code(person, APPID))
    return client.get_phone_number(code, fake.person("alice").openid(APPID))


# -- the phone number ------------------------------------------------------------------------------


def test_a_phone_code_becomes_a_number(client, fake):
    info = phone(client, fake)
    assert info.number.reveal() == "+8613800138001"
    assert "138" not in repr(info)
    assert calls(fake) == {faults.TOKEN: 1, faults.PHONE: 1}
    assert fake.calls[-1].params["openid"] == fake.person("alice").openid(APPID)


def test_a_number_from_abroad_has_its_country_code_once(client, fake):
    fake.add_person("alice", phone="5550100123", country_code="1")
    assert phone(client, fake).number.reveal() == "+15550100123"


@pytest.mark.parametrize("spelt", [86, "86"])
def test_the_country_code_comes_as_a_number_or_as_a_text(client, fake, spelt):
    fake.faults.add(faults.PhoneInfo({"countryCode": spelt}), path=faults.PHONE)
    info = phone(client, fake)
    assert info.number.reveal() == "+8613800138001"


@pytest.mark.parametrize(
    "fault",
    [
        faults.PhoneInfo({"watermark": {"timestamp": 0, "appid": OTHER}}),
        faults.PhoneInfo(missing=["watermark"]),
        faults.PhoneInfo({"watermark": None}),
        faults.PhoneInfo({"countryCode": True}),
        faults.PhoneInfo({"countryCode": "+86"}),
        faults.PhoneInfo({"countryCode": "０"}),
        faults.PhoneInfo(missing=["countryCode"]),
        faults.PhoneInfo(missing=["purePhoneNumber"]),
        faults.PhoneInfo({"purePhoneNumber": 13800138001}),
        faults.PhoneInfo({"purePhoneNumber": "138 0013"}),
        faults.PhoneInfo({"purePhoneNumber": "1" * 20}),
        faults.Fields(missing=["phone_info"]),
        faults.Fields({"phone_info": []}),
    ],
    ids=repr,
)
def test_a_number_that_is_none_or_of_another_app_is_a_bad_response(client, fake, fault):
    fake.faults.add(fault, path=faults.PHONE)
    fake.faults.add(faults.html(200), path=faults.PHONE)
    with pytest.raises(WeChatBadResponse) as caught:
        phone(client, fake)
    assert caught.value.__context__ is None
    assert calls(fake)[faults.PHONE] == 2


def test_a_used_code_an_unknown_one_and_a_login_code_are_invalid(client, fake):
    used = fake.phone_code("alice", APPID)
    phone(client, fake, code=used)
    for code in (used, "0" * 64, fake.login_code("alice", APPID)):
        with pytest.raises(InvalidPhoneCode):
            phone(client, fake, code=code)
    assert calls(fake)[faults.PHONE] == 4


def test_a_code_of_bob_does_not_give_alice_his_number(client, fake):
    with pytest.raises(InvalidPhoneCode):
        phone(client, fake, "bob")


def test_a_code_that_wechat_says_was_used_is_invalid(client, fake):
    fake.faults.add(faults.Errcode(40163), path=faults.PHONE)
    with pytest.raises(InvalidPhoneCode):
        phone(client, fake)


@pytest.mark.parametrize(
    "fault", [faults.Errcode(-1), faults.html(502), faults.html(200)], ids=["-1", "502", "HTML"]
)
def test_a_code_is_sent_again_after_a_moments_trouble(client, fake, fault):
    fake.faults.add(fault, path=faults.PHONE)
    assert phone(client, fake).number.reveal() == "+8613800138001"
    assert calls(fake)[faults.PHONE] == 2


def test_a_code_that_was_consumed_although_nothing_came_back_needs_another_tap(client, fake):
    fake.faults.add(faults.Reset(), path=faults.PHONE)
    with pytest.raises(InvalidPhoneCode):
        phone(client, fake)
    assert calls(fake)[faults.PHONE] == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.Errcode(-1), WeChatUnavailable),
        (faults.html(503), WeChatUnavailable),
        (faults.not_json(), WeChatBadResponse),
        pytest.param(faults.Slow(30), WeChatTimeout, marks=pytest.mark.waits),
    ],
    ids=["-1", "503", "not JSON", "silence"],
)
def test_trouble_that_stays_is_repeated_once_and_may_be_tried_later(client, fake, fault, error):
    fake.faults.add(fault, path=faults.PHONE, times=None)
    with pytest.raises(error):
        phone(client, fake)
    assert calls(fake)[faults.PHONE] == 2


@pytest.mark.parametrize("errcode", [45011, 48001, 99999])
def test_a_refusal_is_not_repeated(client, fake, errcode):
    fake.faults.add(faults.Errcode(errcode), path=faults.PHONE)
    with pytest.raises((WeChatLimit, Misconfigured)):
        phone(client, fake)
    assert calls(fake)[faults.PHONE] == 1


def test_the_repetition_stays_within_the_one_deadline(client, fake, monkeypatch):
    monkeypatch.setattr(client_module, "DEADLINE", 0.35)
    monkeypatch.setattr(client_module, "RESERVE", 0.2)
    client.source.token = Secret(fake.access_token(APPID).token)
    monkeypatch.setattr(client_module, "PAUSE", 0.1)
    fake.faults.add(faults.Slow(30), path=faults.PHONE, times=None)
    with pytest.raises(WeChatTimeout):
        phone(client, fake)
    assert calls(fake)[faults.PHONE] == 1


# -- the access_token ------------------------------------------------------------------------------


@pytest.mark.parametrize("errcode", [40001, 40014, 42001, "40001"])
def test_a_stale_token_is_renewed_once_and_the_code_sent_again(client, fake, errcode):
    client.source.token = Secret("of yesterday")
    fake.faults.add(faults.Errcode(errcode), path=faults.PHONE)
    assert phone(client, fake).number.reveal() == "+8613800138001"
    assert calls(fake) == {faults.TOKEN: 1, faults.PHONE: 2}


def test_a_token_that_somebody_else_ended_is_renewed(client, fake):
    phone(client, fake)
    fake.revoke_access_tokens(APPID)
    phone(client, fake)
    assert calls(fake) == {faults.TOKEN: 2, faults.PHONE: 3}


def test_when_wechat_insists_on_the_same_token_there_is_no_loop(client, fake):
    fake.faults.add(faults.Errcode(40001), path=faults.PHONE, times=None)
    with pytest.raises(Misconfigured) as caught:
        phone(client, fake)
    assert caught.value.errcode == 40001
    assert calls(fake) == {faults.TOKEN: 2, faults.PHONE: 1}


def test_when_every_token_is_refused_there_is_no_loop(client, fake):
    client.source.token = Secret("of yesterday")
    fake.faults.add(faults.Errcode(42001), path=faults.PHONE, times=None)
    with pytest.raises(Misconfigured):
        phone(client, fake)
    assert calls(fake) == {faults.TOKEN: 1, faults.PHONE: 2}


def test_a_wrong_secret_is_the_operators_fault_and_asked_about_once(client, fake):
    fake.faults.add(faults.Errcode(40001), path=faults.TOKEN, times=None)
    with pytest.raises(Misconfigured):
        client.stable_access_token()
    assert calls(fake) == {faults.TOKEN: 1}


def test_the_token_comes_with_its_seconds(client, fake):
    token, seconds = client.stable_access_token()
    assert token.reveal() == fake.access_token(APPID).token
    assert 7190 < seconds <= 7200
    assert fake.calls[0].params == {
        "grant_type": "client_credential",
        "appid": APPID,
        "force_refresh": False,
    }
    other, _ = client.stable_access_token(force_refresh=True)
    assert other.reveal() != token.reveal()


@pytest.mark.parametrize(
    "fault",
    [
        faults.Fields(missing=["access_token"]),
        faults.Fields({"access_token": ""}),
        faults.Fields({"access_token": "a\nb"}),
        faults.Fields({"access_token": "x" * 3000}),
        faults.Fields({"expires_in": "7200"}),
        faults.Fields({"expires_in": True}),
        faults.Fields({"expires_in": 0}),
        faults.Fields({"expires_in": 1e9}),
        faults.Fields(missing=["expires_in"]),
    ],
    ids=repr,
)
def test_a_token_that_is_none_is_a_bad_response(client, fake, fault):
    fake.faults.add(fault, path=faults.TOKEN)
    with pytest.raises(WeChatBadResponse):
        client.stable_access_token()


def test_a_login_wants_no_token(fake):
    client = WeChatClient(App(APPID, Secret("s3cret")), Transport(fake.url))
    client.code2session(Secret(fake.login_code("alice", APPID)))
    assert calls(fake) == {faults.LOGIN: 1}
    client._transport.close()


# -- the session_key -------------------------------------------------------------------------------


def test_the_signature_is_the_one_of_the_vector():
    vectors = {row["name"]: row for row in json.loads(VECTORS.read_text())}
    vector = vectors["session_hmac_empty_body"]
    params = _signed("o1", Secret(vector["inputs"]["session_key"]))
    assert params["signature"].reveal() == vector["expected"]["signature"]
    # The official one, which shows that the key is the text.
    official = vectors["session_hmac_official_post_body"]
    inputs = official["inputs"]
    made = hmac.new(inputs["session_key"].encode(), inputs["post_body"].encode(), hashlib.sha256)
    assert made.hexdigest() == official["expected"]["signature"]


def test_a_session_key_holds_until_wechat_replaces_it(client, fake):
    openid = fake.person("alice").openid(APPID)
    key = Secret(fake.session_key("alice", APPID))
    assert client.check_session_key(openid, key) is True
    fake.rotate_session_key("alice", APPID)
    assert client.check_session_key(openid, key) is False


def test_an_answer_without_an_errcode_is_no_yes(client, fake):
    fake.faults.add(faults.Body("{}"), path=CHECK)
    with pytest.raises(WeChatBadResponse):
        client.check_session_key("o1", Secret(fake.session_key("alice", APPID)))


def test_a_reset_ends_the_old_key_and_gives_the_new_one(client, fake):
    openid = fake.person("alice").openid(APPID)
    old = Secret(fake.session_key("alice", APPID))
    new = client.reset_session_key(openid, old)
    assert new.reveal() == fake.session_key("alice", APPID) != old.reveal()
    with pytest.raises(SessionKeyMissing):
        client.reset_session_key(openid, old)


@pytest.mark.parametrize("errcode", [87007, 87009])
def test_a_key_that_is_gone_cannot_be_reset(client, fake, errcode):
    fake.faults.add(faults.Errcode(errcode), path=RESET)
    with pytest.raises(SessionKeyMissing):
        client.reset_session_key("o1", Secret("k"))


@pytest.mark.parametrize(
    "wrong", [{"openid": "o-eve"}, {"session_key": "short"}, {"session_key": None}], ids=repr
)
def test_a_new_key_that_is_none_or_somebody_elses_is_a_bad_response(client, fake, wrong):
    openid = fake.person("alice").openid(APPID)
    fake.faults.add(faults.Fields(wrong), path=RESET)
    with pytest.raises(WeChatBadResponse):
        client.reset_session_key(openid, Secret(fake.session_key("alice", APPID)))
    assert calls(fake)[RESET] == 1


def test_a_reset_is_not_repeated_for_its_new_key_would_be_lost(client, fake):
    fake.faults.add(faults.Slow(30), path=RESET, times=None)
    openid = fake.person("alice").openid(APPID)
    with pytest.raises(WeChatTimeout):
        client.reset_session_key(openid, Secret(fake.session_key("alice", APPID)))
    assert calls(fake)[RESET] == 1


# -- WeChat in trouble -----------------------------------------------------------------------------


def test_while_wechat_refuses_one_call_in_a_while_is_made_and_the_first_success_ends_it(
    fake, monkeypatch
):
    monkeypatch.setattr("wxauth.wechat.circuit.FIRST_PAUSE", 0.05)
    monkeypatch.setattr("wxauth.wechat.circuit.LAST_PAUSE", 0.05)
    transport, guard = Transport(fake.url), Guard()
    client = WeChatClient(App(APPID, Secret("s3cret")), transport, guard=guard)
    fake.faults.add(faults.html(502), times=None)

    def log_in():
        try:
            client.code2session(Secret(fake.login_code("alice", APPID)))
        except WeChatUnavailable as error:
            return error.retry_after
        return None

    assert all(log_in() for _ in range(10))
    circuit = guard.circuit(APPID, "login")
    assert circuit.is_open
    before = len(fake.calls)
    assert all(log_in() for _ in range(5))
    assert len(fake.calls) - before <= 1
    fake.faults.clear()
    again = threading.Event()
    for _ in range(200):
        if log_in() is None:
            break
        again.wait(0.02)
    assert not circuit.is_open
    assert all(log_in() is None for _ in range(20))
    # The phones' circuit is another one, and so is another app's.
    assert not guard.circuit(APPID, "phone").is_open
    transport.close()


@pytest.mark.waits
def test_while_logins_hang_only_as_many_wait_as_there_are_places(fake):
    transport = Transport(fake.url, read_timeout=30, deadline=30)
    client = WeChatClient(App(APPID, Secret("s3cret")), transport, guard=Guard(2))
    fake.faults.add(faults.Slow(60), times=None)
    hanging = [
        threading.Thread(target=lambda: client.code2session(Secret(fake.login_code())))
        for _ in range(2)
    ]
    for thread in hanging:
        thread.start()
    with pytest.raises(WeChatUnavailable, match="Too many"):
        client.code2session(Secret(fake.login_code()))
    assert len(fake.calls) == 2
    fake.faults.clear()
    for thread in hanging:
        thread.join()
    client.code2session(Secret(fake.login_code()))
    transport.close()


def test_a_limit_is_passed_on_and_nobody_else_waits_for_it(client, fake, caplog):
    """45011 may be the quota of eve alone, and a code does not say whose it is."""
    fake.faults.add(faults.Errcode(45011), times=15)
    for _ in range(15):
        with pytest.raises(WeChatLimit) as caught:
            client.code2session(Secret(fake.login_code("eve", APPID)))
        assert caught.value.retry_after == 60
    client.code2session(Secret(fake.login_code("alice", APPID)))
    assert calls(fake) == {faults.LOGIN: 16}
    assert {record.getMessage() for record in caplog.records} == {
        f"WeChat limits app {APPID}: errcode 45011. The minute quota is used up."
    }


# -- followers ---------------------------------------------------------------------------------

INFO = "/cgi-bin/user/info"


def test_a_followers_unionid_is_told(client, fake):
    alice = fake.person("alice")
    assert client.get_follower_unionid(alice.openid(APPID)) == alice.unionid("default")
    alice.unfollowed.add(APPID)
    assert client.get_follower_unionid(alice.openid(APPID)) is None


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.Errcode(48001), Misconfigured),
        (faults.Errcode(45009), WeChatLimit),
        (faults.Errcode(-1), WeChatUnavailable),
        (faults.Fields({"openid": "o-other"}), WeChatBadResponse),
        (faults.Fields({"unionid": "u" * 65}), WeChatBadResponse),
        (faults.Fields({"unionid": 5}), WeChatBadResponse),
        (faults.Fields({}, ["openid"]), WeChatBadResponse),
    ],
)
def test_what_is_no_answer_about_a_follower_is_an_error(client, fake, fault, error):
    fake.faults.add(fault, path=INFO)
    with pytest.raises(error):
        client.get_follower_unionid(fake.person("alice").openid(APPID))
    assert calls(fake)[INFO] == 1


def test_a_push_does_not_wait_for_a_slow_wechat_longer_than_wechat_does(client, fake, monkeypatch):
    monkeypatch.setattr(client_module, "PUSH_DEADLINE", 0.2)
    openid = fake.person("alice").openid(APPID)
    fake.faults.add(faults.Slow(30), path=INFO)
    with pytest.raises(WeChatTimeout):
        client.get_follower_unionid(openid)
