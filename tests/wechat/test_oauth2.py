"""The codes of mobile apps, websites and official accounts, and what a person agreed to show."""

from __future__ import annotations

import json

import pytest

from wxauth.exceptions import (
    CodeUsed,
    InvalidCode,
    Misconfigured,
    SnapshotUser,
    WeChatBadResponse,
    WeChatError,
    WeChatLimit,
    WeChatUnavailable,
)
from wxauth.types import App, Kind, Secret, Session
from wxauth.wechat.client import WeChatClient

APP = App("wx0123456789abcdef", Secret("s3cret"), Kind.MOBILE_APP)
FULL = {
    "access_token": "t0ken",
    "expires_in": 7200,
    "refresh_token": "r3fresh",
    "openid": "oGZUI0egBJY1zhBYw2KhdUfwVJJE",
    "scope": "snsapi_userinfo",
}
SHOWN = {"openid": FULL["openid"], "nickname": "小明", "headimgurl": "", "privilege": []}
ALICE = Session(FULL["openid"], access_token=Secret("t0ken"))


class Told:
    """A transport that answers what it was told, and keeps what it was asked."""

    def __init__(self, body):
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.asked = []

    def get(self, path, params, *, seconds=None):
        self.asked.append((path, dict(params), seconds))
        return self.body


def exchange(body):
    return WeChatClient(APP, Told(body)).oauth2_token(Secret("c0de"))


def show(body, session=ALICE):
    return WeChatClient(APP, Told(body)).user_info(session, seconds=2.0)


def test_a_code_becomes_a_session_without_a_session_key():
    told = Told({**FULL, "unionid": "u1"})
    session = WeChatClient(APP, told).oauth2_token(Secret("c0de"))
    assert (session.openid, session.unionid, session.session_key) == (FULL["openid"], "u1", None)
    assert session.access_token.reveal() == "t0ken"
    ((path, params, _),) = told.asked
    assert path == "/sns/oauth2/access_token"
    assert params["code"].reveal() == "c0de"
    assert {"appid": APP.appid, "grant_type": "authorization_code"}.items() <= params.items()


def test_nothing_secret_is_seen_on_the_way():
    told = Told(FULL)
    session = WeChatClient(APP, told).oauth2_token(Secret("c0de"))
    WeChatClient(APP, seen := Told(SHOWN)).user_info(session, seconds=2.0)
    for text in (repr(told.asked), repr(seen.asked), repr(session)):
        assert not any(secret in text for secret in ("s3cret", "c0de", "t0ken", "r3fresh"))


@pytest.mark.parametrize(
    ("scope", "opens"),
    [
        ("snsapi_base", False),
        ("snsapi_login", True),
        ("snsapi_base,snsapi_userinfo", True),
        ("", False),
        ("snsapi_friend", False),
    ],
)
def test_an_access_token_that_opens_nothing_is_not_kept(scope, opens):
    assert (exchange({**FULL, "scope": scope}).access_token is not None) == opens


@pytest.mark.parametrize("flag", [1, "1", True, 2, "yes", None])
def test_a_snapshot_is_nobody_whatever_else_the_answer_holds(flag):
    for body in ({**FULL, "is_snapshotuser": flag}, {"is_snapshotuser": flag}):
        with pytest.raises(SnapshotUser):
            exchange(body)


@pytest.mark.parametrize("flag", [0, "0", False])
def test_a_flag_that_says_no_is_no_snapshot(flag):
    assert exchange({**FULL, "is_snapshotuser": flag}).openid == FULL["openid"]


@pytest.mark.parametrize(
    ("errcode", "error"),
    [
        (-1, WeChatUnavailable),
        (40013, Misconfigured),
        (40029, InvalidCode),
        (40125, Misconfigured),
        (40163, CodeUsed),
        (41002, Misconfigured),
        (41004, Misconfigured),
        (41008, Misconfigured),
        (42003, InvalidCode),
        (45011, WeChatLimit),
        (48001, Misconfigured),
        (99999, Misconfigured),
    ],
)
def test_what_wechat_refuses_is_told_apart(errcode, error):
    told = Told({"errcode": errcode, "errmsg": "c0de s3cret, rid: 6206378a-793424c0-2e4091cc"})
    with pytest.raises(error) as caught:
        WeChatClient(APP, told).oauth2_token(Secret("c0de"))
    assert "c0de" not in str(caught.value)
    # Whatever became of it: a code is sent once.
    assert len(told.asked) == 1


BAD = {
    "nothing": b"",
    "html": b"<html>502</html>",
    "half": b'{"openid":"o1"',
    "a list": [FULL],
    "no openid": {**FULL, "openid": None},
    "openid with a blank": {**FULL, "openid": "o 1"},
    "openid too long": {**FULL, "openid": "o" * 65},
    "unionid a number": {**FULL, "unionid": 7},
    "no access_token": {**FULL, "access_token": None},
    "access_token with a blank": {**FULL, "access_token": "a b"},
    "access_token endless": {**FULL, "access_token": "a" * 4000},
    "no scope": {**FULL, "scope": None},
    "scope a list": {**FULL, "scope": ["snsapi_login"]},
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_an_answer_that_is_none_is_a_bad_response(body):
    with pytest.raises(WeChatBadResponse) as caught:
        exchange(body)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("nickname", ["小明", "é", "😀", "\ud83d", "a\x01b", ""])
def test_a_nickname_arrives_as_it_is(nickname):
    body = json.dumps({**SHOWN, "nickname": nickname}).replace("\\u0001", "\x01")
    assert show(body.encode()).nickname == nickname


def test_what_is_shown_is_asked_with_the_persons_own_token():
    told = Told({**SHOWN, "headimgurl": "https://thirdwx.qlogo.cn/a/132"})
    shown = WeChatClient(APP, told).user_info(ALICE, seconds=2.0)
    assert (shown.nickname, shown.avatar_url) == ("小明", "https://thirdwx.qlogo.cn/a/132")
    ((path, params, seconds),) = told.asked
    assert (path, params["openid"], params["access_token"].reveal()) == (
        "/sns/userinfo", ALICE.openid, "t0ken",
    )  # fmt: skip
    assert 0 < seconds <= 2.0


@pytest.mark.parametrize("errcode", [40001, 40003, 40014, 42001, 48001])
def test_a_token_of_a_person_that_is_no_good_alarms_no_operator(errcode, caplog):
    with pytest.raises(InvalidCode):
        show({"errcode": errcode, "errmsg": "no"})
    assert not caplog.records


@pytest.mark.parametrize(
    "body",
    [b"", {**SHOWN, "openid": "somebody else"}, {**SHOWN, "nickname": None}, {"errcode": 0}],
)
def test_a_profile_that_is_none_is_a_bad_response(body):
    with pytest.raises(WeChatError):
        show(body)
