"""What an error tells the phone to do next: that depends on whether a code may be sent again."""

from __future__ import annotations

import pytest

from wxauth.api.errors import describe, get_row
from wxauth.exceptions import (
    InvalidPhoneCode,
    WeChatBadResponse,
    WeChatLimit,
    WeChatTimeout,
    WeChatUnavailable,
)


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [(WeChatBadResponse, "wechat_bad_response", 502), (WeChatTimeout, "wechat_timeout", 504)],
)
def test_a_lost_login_code_needs_a_new_one_and_a_phone_code_another_try(kind, code, status):
    error = kind("no answer")
    assert (get_row(error).status, describe(error)["action"]) == (status, "login")
    assert "retry_after" not in describe(error)
    body = describe(error, repeatable=True)
    assert get_row(error, repeatable=True).status == status
    assert (body["code"], body["action"], body["retry_after"]) == (code, "retry", 2)
    assert "log in" not in body["detail"].lower()


def test_a_phone_code_that_is_none_needs_another_tap():
    body = describe(InvalidPhoneCode("WeChat refused with errcode 40029 (rid -)."))
    assert (body["code"], body["action"]) == ("invalid_phone_code", "tap")
    assert "40029" not in body["detail"]


def test_who_is_refused_is_told_how_long_to_wait():
    assert describe(WeChatUnavailable("open", retry_after=4))["retry_after"] == 4
    assert describe(WeChatUnavailable("down"))["retry_after"] == 2
    assert describe(WeChatLimit("quota", retry_after=7))["retry_after"] == 7
