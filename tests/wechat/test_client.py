from __future__ import annotations

import json
import logging

import pytest

from wxauth.exceptions import (
    CodeUsed,
    InvalidCode,
    Misconfigured,
    WeChatBadResponse,
    WeChatLimit,
    WeChatUnavailable,
    WxauthError,
)
from wxauth.types import App, Secret
from wxauth.wechat.client import WeChatClient

KEY = "HyVFkGl5F5OQWJZZaNzBBg=="
FULL = {"openid": "oGZUI0egBJY1zhBYw2KhdUfwVJJE", "session_key": KEY}
APP = App("wx0123456789abcdef", Secret("s3cret"))


class Told:
    """A transport that answers what it was told, and keeps what it was asked."""

    def __init__(self, body):
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.asked = []

    def get(self, path, params, *, seconds=None):
        self.asked.append((path, dict(params)))
        return self.body


def exchange(body):
    return WeChatClient(APP, Told(body)).code2session(Secret("c0de"))


def test_a_code_becomes_a_session(serve, connect, wire):
    body = json.dumps({**FULL, "unionid": "ocMvos6NjeKLIBqg5Mr9QjxrP1FA"}).encode()
    server = serve(wire.always(wire.reply(body)))
    session = WeChatClient(APP, connect(server.url)).code2session(Secret("c0de"))
    assert (session.openid, session.unionid) == (FULL["openid"], "ocMvos6NjeKLIBqg5Mr9QjxrP1FA")
    assert session.session_key.reveal() == KEY
    assert server.heads[0].startswith(
        b"GET /sns/jscode2session?appid=wx0123456789abcdef&secret=s3cret&js_code=c0de"
        b"&grant_type=authorization_code HTTP/1.1\r\n"
    )


def test_secret_and_code_reach_the_transport_masked():
    told = Told(FULL)
    WeChatClient(APP, told).code2session(Secret("c0de"))
    ((path, params),) = told.asked
    assert path == "/sns/jscode2session"
    assert "s3cret" not in repr(params)
    assert "c0de" not in repr(params)


@pytest.mark.parametrize(
    "extra",
    [{}, {"errcode": 0}, {"errcode": "0", "errmsg": "ok"}, {"expires_in": 7200, "x": None}],
)
def test_a_success_with_or_without_errcode_is_one(extra):
    assert exchange({**FULL, **extra}).openid == FULL["openid"]


@pytest.mark.parametrize("unionid", [{}, {"unionid": None}, {"unionid": ""}])
def test_no_unionid_is_none(unionid):
    assert exchange({**FULL, **unionid}).unionid is None


def test_an_escaped_slash_in_the_session_key_is_a_slash():
    body = rb'{"openid":"o1","session_key":"\/IkZjabcdefghijklmnopw=="}'
    assert exchange(body).session_key.reveal() == "/IkZjabcdefghijklmnopw=="


def test_a_raw_control_character_elsewhere_does_no_harm():
    assert exchange(b'{"openid":"o1","session_key":"%s","nick":"a\x01\n"}' % KEY.encode())


def test_the_longest_openid_is_64_characters():
    assert exchange({**FULL, "openid": "o" * 64}).openid == "o" * 64


BAD = {
    "nothing": b"",
    "html": b"<html>502</html>",
    "half": b'{"openid":"o1"',
    "latin-1": '{"openid":"é"}'.encode("latin-1"),
    "utf-16": json.dumps(FULL).encode("utf-16"),
    "a list": [FULL],
    "a string": "ok",
    "null": b"null",
    "5000 digits": b'{"errcode":' + b"1" * 5000 + b"}",
    "4000 digits": b'{"errcode":' + b"1" * 4000 + b"}",
    "an abyss": b"[" * 60_000,
    "an abyss of objects": b'{"a":' * 10_000,
    "errcode a list": {**FULL, "errcode": []},
    "errcode null": {**FULL, "errcode": None},
    "errcode true": {**FULL, "errcode": True},
    "errcode false": {**FULL, "errcode": False},
    "errcode a float": {**FULL, "errcode": 0.0},
    "errcode words": {**FULL, "errcode": "ok"},
    "errcode full-width": {**FULL, "errcode": "４００２９"},
    "empty": {},
    "no openid": {"session_key": KEY},
    "openid null": {**FULL, "openid": None},
    "openid empty": {**FULL, "openid": ""},
    "openid a number": {**FULL, "openid": 12345},
    "openid with a blank": {**FULL, "openid": "o 1"},
    "openid with NUL": {**FULL, "openid": "o\x001"},
    "openid with newline": {**FULL, "openid": "o1\n"},
    "openid beyond ASCII": {**FULL, "openid": "oé"},
    "openid half a character": {**FULL, "openid": "o\ud800"},
    "openid too long": {**FULL, "openid": "o" * 65},
    "no session_key": {"openid": "o1"},
    "session_key empty": {**FULL, "session_key": ""},
    "session_key null": {**FULL, "session_key": None},
    "session_key short": {**FULL, "session_key": KEY[4:]},
    "session_key unpadded": {**FULL, "session_key": KEY[:-2]},
    "session_key of 15 bytes": {**FULL, "session_key": "HyVFkGl5F5OQWJZZaNzB"},
    "session_key url-safe": {**FULL, "session_key": "-_VFkGl5F5OQWJZZaNzBBg=="},
    "session_key with newline": {**FULL, "session_key": KEY + "\n"},
    "unionid a number": {**FULL, "unionid": 7},
    "unionid with a blank": {**FULL, "unionid": "u 1"},
    "unionid too long": {**FULL, "unionid": "u" * 65},
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_an_answer_that_is_none_is_a_bad_response(body):
    with pytest.raises(WeChatBadResponse) as caught:
        exchange(body)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    ("errcode", "error"),
    [
        (-1, WeChatUnavailable),
        ("-1", WeChatUnavailable),
        (40029, InvalidCode),
        ("40029", InvalidCode),
        (40163, CodeUsed),
        (45011, WeChatLimit),
        (40125, Misconfigured),
        (99999, Misconfigured),
    ],
)
def test_an_errcode_is_an_error_whatever_else_is_there(errcode, error):
    with pytest.raises(error):
        exchange({**FULL, "errcode": errcode, "errmsg": "x"})


@pytest.mark.parametrize(
    ("errmsg", "rid"),
    [
        ("code been used, rid: 6380622c-50076416-224b40b0", "6380622c-50076416-224b40b0"),
        ("invalid appid rid: 6aac005a-01bfdbee-79769285", "6aac005a-01bfdbee-79769285"),
        ("invalid code, hints: [ req_id: uhJDVZyFe-YZguHA ]", ""),
        ("rid: 6380622C-50076416-224b40b0", ""),
        (None, ""),
        (["rid: 6380622c"], ""),
    ],
)
def test_the_rid_is_kept(errmsg, rid):
    with pytest.raises(Misconfigured) as caught:
        exchange({"errcode": 40013, "errmsg": errmsg})
    assert (caught.value.errcode, caught.value.rid) == (40013, rid)


def test_the_operator_is_told_what_to_do_and_not_what_wechat_wrote(caplog):
    body = {
        "errcode": 40164,
        "errmsg": "invalid ip 203.0.113.7, not in whitelist rid: 6aac005a-01bfdbee-79769285",
    }
    with pytest.raises(Misconfigured):
        exchange(body)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("wxauth.wechat", logging.ERROR)
    for told in (APP.appid, "40164", "6aac005a-01bfdbee-79769285", "whitelist (API IP 白名单)"):
        assert told in record.getMessage()
    assert "WeChat saw 203.0.113.7" in record.getMessage()


@pytest.mark.parametrize(
    ("errmsg", "address"),
    [
        ("invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist rid: x", "1.2.3.4"),
        ("invalid ip 2001:db8::7, not in whitelist", "2001:db8::7"),
        ("invalid ip 203.0.113.7", "203.0.113.7"),
        ("invalid ip 203.0.113.700, not in whitelist", ""),
        ("invalid ip 203.0.113.7<script>, not in whitelist", ""),
        ("invalid ip canary, not in whitelist", ""),
        ("invalid ip", ""),
        ("203.0.113.7", ""),
        (None, ""),
    ],
)
def test_of_the_errmsg_an_address_is_shown_and_nothing_else(errmsg, address, caplog):
    with pytest.raises(Misconfigured) as caught:
        exchange({"errcode": 40164, "errmsg": errmsg})
    assert caught.value.address == address
    assert caplog.text.count("WeChat saw") == bool(address)


@pytest.mark.parametrize("errcode", [-1, 40029, 50002])
def test_what_is_not_the_operators_business_is_not_logged(caplog, errcode):
    with pytest.raises(WxauthError):
        exchange({"errcode": errcode})
    assert not caplog.records
