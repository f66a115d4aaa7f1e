from __future__ import annotations

import pytest

from wxauth.exceptions import (
    Blocked,
    CodeUsed,
    InvalidCode,
    InvalidPhoneCode,
    Misconfigured,
    WeChatLimit,
    WeChatUnavailable,
)
from wxauth.wechat.errcodes import ROWS, classify, meaning

EXPECTED = {
    -1: WeChatUnavailable,
    40001: Misconfigured,
    40002: Misconfigured,
    40003: Misconfigured,
    40013: Misconfigured,
    40014: Misconfigured,
    40029: InvalidCode,
    40066: Misconfigured,
    40097: Misconfigured,
    40125: Misconfigured,
    40163: CodeUsed,
    40164: Misconfigured,
    40226: Blocked,
    40243: Misconfigured,
    41001: Misconfigured,
    41002: Misconfigured,
    41004: Misconfigured,
    41008: Misconfigured,
    42001: Misconfigured,
    42003: InvalidCode,
    43002: Misconfigured,
    44002: Misconfigured,
    44990: WeChatLimit,
    44991: WeChatLimit,
    44993: WeChatLimit,
    45009: WeChatLimit,
    45011: WeChatLimit,
    47001: Misconfigured,
    48001: Misconfigured,
    48017: Misconfigured,
    50002: Blocked,
    50004: Misconfigured,
    50007: Misconfigured,
    87008: Misconfigured,
    89503: Misconfigured,
    89506: Misconfigured,
    89507: Misconfigured,
}


def test_every_row_is_expected_once_and_every_expected_one_is_a_row():
    assert sorted(row.errcode for row in ROWS) == sorted(EXPECTED)


@pytest.mark.parametrize(("errcode", "error"), EXPECTED.items())
def test_an_errcode_means_one_error(errcode, error):
    assert type(classify(errcode, "")) is error
    assert meaning(errcode)


@pytest.mark.parametrize("errcode", [1, 61003, 87009, 99999, -2])
def test_an_unknown_errcode_lets_nobody_in(errcode):
    error = classify(errcode, "6aac005a-01bfdbee-79769285")
    assert type(error) is Misconfigured
    assert (error.errcode, error.rid) == (errcode, "6aac005a-01bfdbee-79769285")
    assert "not known" in meaning(errcode)


@pytest.mark.parametrize(
    ("errcode", "seconds"), [(44990, 1), (44991, 60), (44993, 3600), (45009, 600), (45011, 60)]
)
def test_a_limit_says_when_to_come_back(errcode, seconds):
    error = classify(errcode, "")
    assert (error.retry_after, error.errcode) == (seconds, errcode)


def test_what_an_endpoint_says_of_an_errcode_goes_before_the_table():
    error = classify(40029, "6aac005a", {40029: InvalidPhoneCode})
    assert type(error) is InvalidPhoneCode
    assert "6aac005a" in str(error)
    assert type(classify(40163, "", {40029: InvalidPhoneCode})) is CodeUsed
