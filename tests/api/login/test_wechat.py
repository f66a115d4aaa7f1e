"""What WeChat can do to a login: each fault has its row in the contract, and leaves no row here."""

from __future__ import annotations

import time

import pytest

from tests.api.contract import assert_error
from tests.api.phone import APP_TWO, call, log_in
from wxauth.testing import faults

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("assert_nothing_written")]

BAD_RESPONSES = {
    "empty": faults.empty(),
    "not JSON": faults.not_json(),
    "an array": faults.Body("[]"),
    "null": faults.Body("null"),
    "a number": faults.Body("200"),
    "an endless number": faults.Body('{"errcode": ' + "9" * 5000 + "}"),
    "brackets without end": faults.Body("[" * 50_000),
    "an object of nothing": faults.Body("{}"),
    "a page of a captive portal": faults.html(200),
    "a page of 404": faults.html(404),
    "truncated": faults.Truncated(),
    "reset": faults.Reset(),
    "a redirect": faults.Redirect("https://example.invalid/"),
    "a permanent redirect": faults.Redirect("http://127.0.0.1:9/", status=308),
    "too long": faults.TooLong(),
    "no openid": faults.Fields(missing=["openid"]),
    "no session_key": faults.Fields(missing=["session_key"]),
    "openid empty": faults.Fields(wrong={"openid": ""}),
    "openid null": faults.Fields(wrong={"openid": None}),
    "openid a number": faults.Fields(wrong={"openid": 12345}),
    "openid a list": faults.Fields(wrong={"openid": ["o"]}),
    "openid endless": faults.Fields(wrong={"openid": "o" * 65}),
    "openid with a blank": faults.Fields(wrong={"openid": "o123 "}),
    "openid with NUL": faults.Fields(wrong={"openid": "o123\0"}),
    "session_key empty": faults.Fields(wrong={"session_key": ""}),
    "session_key a number": faults.Fields(wrong={"session_key": 1}),
    "session_key of 15 bytes": faults.Fields(wrong={"session_key": "AAAAAAAAAAAAAAAAAAAA"}),
    "session_key no base64": faults.Fields(wrong={"session_key": "!" * 22 + "=="}),
    "unionid a number": faults.Fields(wrong={"unionid": 7}),
    "unionid endless": faults.Fields(wrong={"unionid": "o" * 65}),
    "errcode null": faults.Fields(wrong={"errcode": None}),
    "errcode true": faults.Fields(wrong={"errcode": True}),
    "errcode words": faults.Fields(wrong={"errcode": "ok"}),
    "errcode a list": faults.Fields(wrong={"errcode": []}),
}


@pytest.mark.parametrize("fault", BAD_RESPONSES)
def test_an_answer_that_is_none_is_a_bad_response(fake_wechat, client, fault):
    """The code may be consumed: the phone fetches another one."""
    fake_wechat.faults.add(BAD_RESPONSES[fault])
    assert_error(log_in(client, fake_wechat), "wechat_bad_response")
    assert len(fake_wechat.calls) == 1


ERRCODES = {
    -1: ("wechat_unavailable", 2),
    40029: ("invalid_code", None),
    42003: ("invalid_code", None),
    40163: ("code_used", None),
    40226: ("blocked", None),
    50002: ("blocked", None),
    44990: ("rate_limited", 1),
    44991: ("rate_limited", 60),
    44993: ("rate_limited", 3600),
    45009: ("rate_limited", 600),
    45011: ("rate_limited", 60),
    40001: ("misconfigured", None),
    40002: ("misconfigured", None),
    40013: ("misconfigured", None),
    40066: ("misconfigured", None),
    40097: ("misconfigured", None),
    40125: ("misconfigured", None),
    40164: ("misconfigured", None),
    40243: ("misconfigured", None),
    41002: ("misconfigured", None),
    41004: ("misconfigured", None),
    41008: ("misconfigured", None),
    48001: ("misconfigured", None),
    48017: ("misconfigured", None),
    1: ("misconfigured", None),
    99999: ("misconfigured", None),
}


@pytest.mark.parametrize("spell", [int, str], ids=["a number", "a text"])
@pytest.mark.parametrize("errcode", ERRCODES)
def test_every_errcode_has_its_row(fake_wechat, client, errcode, spell):
    code, retry_after = ERRCODES[errcode]
    fake_wechat.faults.add(faults.Errcode(spell(errcode)), times=None)
    assert_error(log_in(client, fake_wechat), code, retry_after=retry_after)
    assert len(fake_wechat.calls) == 1


def test_the_operators_fault_is_logged_with_errcode_and_rid_and_not_told(
    fake_wechat, client, caplog
):
    message = "invalid ip 203.0.113.9, not in whitelist, rid: 6aac005a-01bfdbee-79769285"
    fake_wechat.faults.add(faults.Errcode(40164, message))
    answer = log_in(client, fake_wechat)
    body = assert_error(answer, "misconfigured")
    assert "40164" not in body["detail"]
    assert "203.0.113.9" not in answer.content.decode()
    assert "40164" in caplog.text
    assert "6aac005a-01bfdbee-79769285" in caplog.text


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_a_gateway_that_says_5xx_is_unavailable(fake_wechat, client, status):
    fake_wechat.faults.add(faults.html(status))
    assert_error(log_in(client, fake_wechat), "wechat_unavailable", retry_after=2)
    assert len(fake_wechat.calls) == 1


@pytest.mark.waits
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "fault",
    [faults.Slow(30), faults.Dribble(0.05), faults.Dribble(30)],
    ids=["silence", "byte by byte", "headers, then silence"],
)
def test_a_wechat_that_does_not_finish_in_time_is_a_timeout(fake_wechat, client, fault):
    fake_wechat.faults.add(fault)
    assert_error(log_in(client, fake_wechat), "wechat_timeout")
    assert len(fake_wechat.calls) == 1


@pytest.mark.waits
def test_one_byte_each_half_second_is_given_up_after_five_seconds(fake_wechat, client):
    fake_wechat.faults.add(faults.Dribble(0.5))
    began = time.monotonic()
    assert_error(log_in(client, fake_wechat), "wechat_timeout")
    assert time.monotonic() - began < 5.5


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "base",
    ["http://127.0.0.1:9", "http://wechat.invalid", "https://127.0.0.1:{port}"],
    ids=["refused", "no such name", "no TLS"],
)
def test_a_wechat_that_cannot_be_reached_is_unavailable(fake_wechat, client, configure, base):
    configure(API_BASE=base.format(port=fake_wechat.url.rpartition(":")[2]))
    assert_error(log_in(client, fake_wechat), "wechat_unavailable", retry_after=2)
    assert fake_wechat.calls == []


# -- codes that WeChat really refuses ----------------------------------------------------------


@pytest.mark.parametrize(
    "code", ["wrong", " ", "a&b=c", "%00", "代码", "the code is a mock one", "x" * 256]
)
def test_a_code_that_wechat_did_not_issue_is_invalid(fake_wechat, client, code):
    assert_error(call(client, "POST", "login/", {"code": code}), "invalid_code")
    (asked,) = fake_wechat.calls
    assert asked.params["js_code"] == code


def test_a_code_is_invalid_after_five_minutes(fake_wechat, client):
    code = fake_wechat.login_code("alice")
    fake_wechat.clock = lambda: time.time() + 301
    assert_error(call(client, "POST", "login/", {"code": code}), "invalid_code")


def test_a_code_of_one_app_is_invalid_in_another(fake_wechat, client):
    code = fake_wechat.login_code("alice")
    answer = call(client, "POST", "login/", {"code": code, "appid": APP_TWO})
    assert_error(answer, "invalid_code")


def test_a_wrong_secret_is_the_operators_fault(fake_wechat, client):
    fake_wechat.add_app("wx0000000000000001", "the new secret")
    assert_error(log_in(client, fake_wechat), "misconfigured")


def test_a_person_whom_wechat_restricts_is_blocked(fake_wechat, client):
    fake_wechat.add_person("eve").refusal = 40226
    assert_error(log_in(client, fake_wechat, "eve"), "blocked")
