"""What phones get while something behind the server is in trouble: never a 500, soon again a 200.

``DEPLOY_FULL=1`` keeps the trouble up for as long as the reliability list says, and then the times
count too: that is for a machine that does nothing else.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections import Counter
from functools import partial
from urllib.parse import urlsplit

import pytest

from wxauth.testing import FakeWeChatServer, faults

from .conftest import FULL
from .stack import APPID, wait_for
from .traffic import Connection, Traffic, quantile, tell

pytestmark = pytest.mark.slow

#: Seconds after which everything is as before.
RECOVERY = 10


@pytest.fixture
def traffic(stack):
    """50 requests a second, once every phone is logged in."""
    with Traffic(stack, connections=16, rate=50) as traffic:
        traffic.wait(100)
        yield traffic


def statuses(got, kind=None):
    return Counter(each.status for each in got if kind in (None, each.kind))


def is_over(traffic):
    """Wait until requests succeed again; from then on all of them do."""
    ends = time.monotonic() + RECOVERY
    while True:
        moment = time.monotonic()
        traffic.wait(32)
        if set(statuses(traffic.since(moment))) == {200}:
            break
        assert time.monotonic() < ends, statuses(traffic.since(moment))
    moment = time.monotonic()
    traffic.wait(100)
    assert set(statuses(traffic.since(moment))) == {200}


def says_try_again(got):
    """Every refusal is one that a phone understands."""
    refused = [each for each in got if each.status != 200]
    assert {(each.status, each.code) for each in refused} <= {(503, "database_unavailable")}
    assert all(each.retry_after for each in refused)


def test_database_connections_are_killed_every_second(stack, traffic, seconds):
    begun = time.monotonic()
    for _ in range(seconds(5, 30)):
        stack.database.kill_connections()
        time.sleep(1)
    got = traffic.since(begun)
    tell("connections killed every second", got)
    is_over(traffic)
    says_try_again(traffic.got)
    assert statuses(got)[200] > len(got) * 0.9


def test_the_database_is_stopped_at_once_and_started_again(stack, traffic, seconds):
    begun = time.monotonic()
    stack.database.crash()
    time.sleep(seconds(4, 20))
    stack.database.start()
    got = traffic.since(begun)
    tell("database stopped", got)
    is_over(traffic)
    says_try_again(traffic.got)
    assert statuses(got)[503] > 0


def test_the_database_is_read_only(stack, traffic, seconds):
    stack.database.set_read_only(True)
    try:
        time.sleep(1)  # Its processes learn of it one after the other.
        begun = time.monotonic()
        time.sleep(seconds(4, 20))
        got = traffic.since(begun)
    finally:
        stack.database.set_read_only(False)
    tell("database read-only", got)
    is_over(traffic)
    says_try_again(traffic.got)
    assert set(statuses(got, "me")) == {200}
    assert set(statuses(got, "login")) == {503}


def redis_cli(stack, *arguments):
    command = ["redis-cli", "-p", str(stack.redis.port), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def kill(stack):
    stack.redis.end(signal.SIGKILL)


def stop(stack):
    stack.redis.process.send_signal(signal.SIGSTOP)


def fill(stack):
    redis_cli(stack, "CONFIG", "SET", "maxmemory-policy", "noeviction")
    redis_cli(stack, "CONFIG", "SET", "maxmemory", "1")


def spoil(stack):
    for key in redis_cli(stack, "--scan").splitlines():
        redis_cli(stack, "SET", key, "garbage", "KEEPTTL")


def again(stack):
    if stack.redis.process is None:
        stack.redis.start()
    stack.redis.process.send_signal(signal.SIGCONT)
    redis_cli(stack, "CONFIG", "SET", "maxmemory", "0")
    redis_cli(stack, "FLUSHALL")


@pytest.mark.parametrize("trouble", [kill, stop, fill, spoil], ids=lambda each: each.__name__)
def test_without_a_cache_everybody_is_let_in_all_the_same(stack, traffic, seconds, trouble):
    begun = time.monotonic()
    try:
        trouble(stack)
        time.sleep(seconds(4, 20))
        got = traffic.since(begun)
    finally:
        again(stack)
    tell(f"cache: {trouble.__name__}", got)
    is_over(traffic)
    assert set(statuses(traffic.got)) == {200}
    if FULL:
        assert quantile(got, 95) < 1000


def test_without_a_cache_limits_hold_within_twice_the_number(stack):
    """30 an hour, in two processes."""
    connection = Connection(stack)
    body = {"code": stack.wechat.fake.login_code("phone-0", APPID)}
    token = connection.ask("POST", "/api/wxauth/login/", body)[2]["token"]

    def ask(count):
        headers = {"Authorization": f"Bearer {token}"}
        body = {"encryptedData": "bm90aGluZw==", "iv": "MDAwMDAwMDAwMDAwMDAwMA=="}
        for _ in range(count):
            yield connection.ask("POST", "/api/wxauth/decrypt/", body, headers)[0]

    kill(stack)
    try:
        counts = Counter(ask(100))
    finally:
        again(stack)
        connection.close()
    print(f"\nlimit of 30 without a cache: {dict(counts)}")
    assert set(counts) <= {400, 409, 429}
    assert 1 <= counts[400] + counts[409] <= 60


def test_a_wechat_that_hangs_keeps_nobody_else_waiting(stack, seconds):
    fake = stack.wechat.fake
    with (
        Traffic(stack, connections=4, rate=40, kinds=("me",)) as others,
        Traffic(stack, connections=64, rate=100, kinds=("login",)) as logins,
    ):
        others.wait(40)
        begun = time.monotonic()
        fake.faults.add(faults.Slow(8), times=None)
        time.sleep(seconds(6, 60))
        fake.faults.clear()
        during = logins.since(begun), others.since(begun)
        is_over(logins)
    tell("WeChat takes 8 s", [each for got in during for each in got])
    assert set(statuses(others.got)) == {200}
    # Those that were on their way, too.
    hung = [each for each in logins.got if each.status != 200]
    assert {(each.status, each.code) for each in hung} <= {
        (503, "wechat_unavailable"), (504, "wechat_timeout"),
    }  # fmt: skip
    assert (504, "wechat_timeout") in {(each.status, each.code) for each in hung}
    assert all(each.retry_after for each in hung if each.status == 503)
    if FULL:
        assert quantile(during[1], 95) <= 250
        assert max(each.seconds for each in during[0]) <= 5.5


def test_a_wechat_that_is_down_is_asked_little_and_back_soon(stack, seconds):
    port, fake = urlsplit(stack.wechat.url).port, stack.wechat.fake
    asked = partial(stack.gunicorn.count, "WeChat did not answer")
    opened = stack.gunicorn.count("circuit open")
    with Traffic(stack, connections=16, rate=100, kinds=("login",)) as traffic:
        traffic.wait(50)
        stack.wechat.close()
        down = time.monotonic()
        # In two processes. The busier it was before, the longer: half of ten seconds must be bad.
        wait_for(lambda: stack.gunicorn.count("circuit open") == opened + 2)
        begun, before = time.monotonic(), asked()
        time.sleep(seconds(5, 60))
        took, calls = time.monotonic() - begun, asked() - before
        got = traffic.since(down)
        stack.wechat = FakeWeChatServer(fake, port=port)
        stack.wechat.start()
        is_over(traffic)
    tell(
        f"WeChat down, circuits open after {begun - down:.1f} s, then {calls / took:.1f} calls/s",
        got,
    )
    refused = [each for each in got if each.status != 200]
    assert {(each.status, each.code) for each in refused} == {(503, "wechat_unavailable")}
    assert all(int(each.retry_after) <= 4 for each in refused)
    # What was on its way when they opened, and one call a second or less of each.
    assert calls <= 2 * (8 + took)
    late = [each for each in got if each.begun > begun]
    assert {each.status for each in late} == {503}
    if FULL:
        assert quantile(late, 95) <= 50
        # Where nobody listens, each call tries twice to connect.
        assert calls * 2 <= 5 * took
