from __future__ import annotations

import contextlib
import threading

import pytest

from wxauth.exceptions import (
    InvalidCode,
    Misconfigured,
    WeChatBadResponse,
    WeChatLimit,
    WeChatTimeout,
    WeChatUnavailable,
)
from wxauth.wechat.circuit import Circuit

DOWN = WeChatUnavailable("WeChat could not be reached: connection refused.")
ANSWER = object()


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def circuit(clock):
    return Circuit("app wx1, login", clock=clock)


def call(circuit, outcome):
    circuit.leave(circuit.enter(), outcome)


def refused(circuit):
    with pytest.raises(WeChatUnavailable) as caught:
        circuit.enter()
    return caught.value.retry_after


def opened(circuit):
    for _ in range(10):
        call(circuit, DOWN)
    assert circuit.is_open
    return circuit


@pytest.mark.parametrize("outcome", [DOWN, WeChatTimeout("no answer")])
def test_ten_failures_open_it(circuit, outcome):
    for _ in range(9):
        call(circuit, outcome)
    assert not circuit.is_open
    call(circuit, outcome)
    assert refused(circuit) == 1


@pytest.mark.parametrize(
    "outcome",
    [ANSWER, InvalidCode(), Misconfigured(40125), WeChatLimit(), WeChatBadResponse("HTML")],
)
def test_an_answer_is_an_answer_however_bad(circuit, outcome):
    for _ in range(50):
        call(circuit, outcome)
    assert not circuit.is_open


def test_failures_among_more_answers_do_not_open_it(circuit):
    for _ in range(20):
        call(circuit, DOWN)
        for _ in range(2):
            call(circuit, ANSWER)
    assert not circuit.is_open


def test_failures_of_long_ago_do_not_count(circuit, clock):
    for _ in range(40):
        call(circuit, DOWN)
        clock.now += 1.2
    assert not circuit.is_open


def test_after_the_pause_one_probe_goes_and_nobody_else(circuit, clock):
    opened(circuit)
    clock.now += 0.99
    refused(circuit)
    clock.now += 0.01
    era = circuit.enter()
    assert [refused(circuit) for _ in range(5)] == [4] * 5
    circuit.leave(era, ANSWER)
    assert not circuit.is_open
    call(circuit, ANSWER)


def test_of_fifty_threads_one_is_the_probe(circuit, clock):
    opened(circuit)
    clock.now += 1
    together, passed = threading.Barrier(50, timeout=30), []

    def enter():
        together.wait()
        with contextlib.suppress(WeChatUnavailable):
            passed.append(circuit.enter())

    threads = [threading.Thread(target=enter) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 1


def test_probes_become_rarer_and_never_rarer_than_every_four_seconds(circuit, clock):
    opened(circuit)
    pauses = []
    for _ in range(6):
        before = clock.now
        while True:
            clock.now += 0.25
            try:
                era = circuit.enter()
            except WeChatUnavailable:
                continue
            break
        pauses.append(clock.now - before)
        circuit.leave(era, DOWN)
    assert pauses == [1, 2, 4, 4, 4, 4]


def test_once_closed_it_starts_anew(circuit, clock):
    opened(circuit)
    for outcome in (DOWN, DOWN, ANSWER):
        clock.now += 4
        call(circuit, outcome)
    for _ in range(9):
        call(circuit, DOWN)
    assert not circuit.is_open
    call(circuit, DOWN)
    clock.now += 1
    circuit.enter()


def test_a_call_from_before_says_nothing_about_now(circuit, clock):
    early = [circuit.enter() for _ in range(3)]
    opened(circuit)
    circuit.leave(early[0], ANSWER)
    assert circuit.is_open
    clock.now += 1
    probe = circuit.enter()
    circuit.leave(early[1], DOWN)
    circuit.leave(probe, ANSWER)
    circuit.leave(early[2], DOWN)
    assert not circuit.is_open


def test_a_probe_that_is_lost_is_given_up(circuit, clock):
    opened(circuit)
    clock.now += 1
    lost = circuit.enter()
    clock.now += 9.9
    refused(circuit)
    clock.now += 0.1
    call(circuit, ANSWER)
    circuit.leave(lost, DOWN)
    assert not circuit.is_open


def test_opening_and_closing_are_logged_with_the_reason(circuit, clock, caplog):
    opened(circuit)
    clock.now += 1
    call(circuit, DOWN)
    clock.now += 2
    call(circuit, ANSWER)
    assert [record.getMessage() for record in caplog.records] == [
        f"WeChat, app wx1, login: circuit open. {DOWN}",
        "WeChat, app wx1, login: circuit closed. it answers again.",
    ]
