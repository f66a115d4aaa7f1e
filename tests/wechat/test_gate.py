from __future__ import annotations

import threading

import pytest

from wxauth.exceptions import WeChatUnavailable
from wxauth.wechat import gate as gate_module
from wxauth.wechat.gate import Gate


class Clock:
    """The gate's clock; waiting in its condition is waiting for the time set here."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(gate_module, "time", clock)
    return clock


@pytest.fixture
def waits(monkeypatch, clock):
    """How long each wait for a place was to be; nobody comes, and the time passes."""
    seen = []

    def wait(self, seconds):
        seen.append(seconds)
        clock.now += seconds

    monkeypatch.setattr(threading.Condition, "wait", wait)
    return seen


def test_no_more_calls_than_places_are_made_at_once():
    gate, lock = Gate(3), threading.Lock()
    inside = most = 0
    together = threading.Barrier(3, timeout=30)

    def call():
        nonlocal inside, most
        with gate.place():
            with lock:
                inside += 1
                most = max(most, inside)
            together.wait()
            with lock:
                inside -= 1

    threads = [threading.Thread(target=call) for _ in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3


def test_a_full_house_waits_until_a_call_in_flight_is_half_a_second_old(clock, waits):
    gate = Gate(1)
    with gate.place():
        clock.now += 0.2
        with pytest.raises(WeChatUnavailable), gate.place():
            pass
    assert waits == [pytest.approx(0.3)]


def test_behind_a_slow_call_nobody_waits(clock, waits):
    gate = Gate(1)
    with gate.place():
        clock.now += 0.51
        with pytest.raises(WeChatUnavailable), gate.place():
            pass
    assert waits == []


def test_a_full_house_of_ever_new_quick_calls_waits_one_second(clock, monkeypatch):
    gate, waited = Gate(1), []

    def wait(self, seconds):
        # The call in flight ended, and another was faster.
        waited.append(min(seconds, 0.3))
        clock.now += waited[-1]
        gate._begun.clear()
        gate._begun[object()] = clock.now

    monkeypatch.setattr(threading.Condition, "wait", wait)
    gate._begun[object()] = clock.now
    with pytest.raises(WeChatUnavailable), gate.place():
        pass
    assert sum(waited) == pytest.approx(1.0)


def test_a_place_is_given_back_by_a_call_that_fails():
    gate = Gate(1)
    for _ in range(3):
        with pytest.raises(KeyError), gate.place():
            raise KeyError
    with gate.place():
        pass
