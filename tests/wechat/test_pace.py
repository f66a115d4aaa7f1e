from __future__ import annotations

import pytest

from wxauth.exceptions import InvalidCode, WeChatLimit, WeChatUnavailable
from wxauth.wechat.pace import Pace

PERSON = WeChatLimit("minute quota", errcode=45011)
APP = WeChatLimit("daily quota", errcode=45009)


class Time:
    """A clock, and the naps that were taken by it."""

    def __init__(self):
        self.now = 50.0
        self.naps = []

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.now += seconds


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def pace(time):
    return Pace(clock=lambda: time.now, sleep=time.sleep)


def limited(pace, limit, times=10):
    for _ in range(times):
        pace.note(limit)


def test_a_few_limits_slow_nobody(pace, time):
    limited(pace, APP, 9)
    for _ in range(100):
        pace.wait()
    assert time.naps == []


def test_eve_who_hammers_on_her_openid_costs_alice_a_moment_and_nothing_else(pace, time):
    limited(pace, PERSON, 1000)
    pace.wait()
    pace.note(object())  # alice is in
    assert time.naps == [pytest.approx(0.2)]
    for _ in range(100):
        pace.wait()
    assert len(time.naps) == 1


def test_limits_with_other_answers_in_between_slow_nobody(pace, time):
    for _ in range(50):
        limited(pace, PERSON, 9)
        pace.note(InvalidCode())
    pace.wait()
    assert time.naps == []


def test_a_minute_quota_spaces_the_calls_out(pace, time):
    limited(pace, PERSON)
    for _ in range(5):
        pace.wait()
        pace.note(PERSON)
    assert time.naps == pytest.approx([0.2] * 5)


def test_who_would_wait_longer_than_a_second_is_told_when(pace, time, monkeypatch):
    limited(pace, PERSON)
    monkeypatch.setattr(pace, "_sleep", lambda seconds: None)  # all at the same moment
    for _ in range(4):
        pace.wait()
    time.now += 0.1
    pace.wait()
    with pytest.raises(WeChatLimit) as caught:
        pace.wait()
    assert (caught.value.retry_after, caught.value.errcode) == (2, None)


def test_the_quota_of_the_app_leaves_one_call_in_ten_seconds(pace, time):
    limited(pace, APP)
    passed, told = 0, set()
    for _ in range(300):
        time.now += 0.1
        try:
            pace.wait()
        except WeChatLimit as error:
            told.add(error.retry_after)
        else:
            passed += 1
            pace.note(APP)
    assert passed == 3
    assert told == set(range(2, 11))


@pytest.mark.parametrize("outcome", [object(), InvalidCode(), WeChatUnavailable("down")])
def test_any_other_answer_ends_it(pace, time, outcome):
    limited(pace, APP)
    pace.note(outcome)
    for _ in range(20):
        pace.wait()
    assert time.naps == []
