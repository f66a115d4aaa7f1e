"""Two machines on one database; the network of one of them loses Redis, or WeChat, without a word.

The other machine is a network namespace, whose packets to an address can be made to vanish.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from contextlib import ExitStack

import pytest

from wxauth.testing import FakeWeChatServer

from .direct import Machine
from .stack import APPID, Postgres, Redis
from .traffic import Traffic

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("on_postgres"),
    pytest.mark.skipif(os.getuid() != 0, reason="Only root may make a network."),
]

#: Of this machine, one for each server, and of the other: out of a range for measuring networks.
NETWORK = "198.18.77.0/24"
DATABASE, REDIS, WECHAT, OTHER = (f"198.18.77.{number}" for number in (1, 2, 3, 9))


def ip(*arguments):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def namespace():
    if any(
        not route.startswith("default")
        for route in ip("route", "show", "match", NETWORK).splitlines()
    ):
        pytest.skip(f"{NETWORK} is somebody's here.")
    name, here, there = f"wxauth-{os.getpid()}", f"wxa{os.getpid()}", f"wxb{os.getpid()}"
    try:
        ip("netns", "add", name)
    except OSError as error:
        pytest.skip(f"No network may be made here: {error}")
    try:
        ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        for address in (DATABASE, REDIS, WECHAT):
            ip("address", "add", f"{address}/24", "dev", here)
        ip("link", "set", here, "up")
        ip("-n", name, "address", "add", f"{OTHER}/24", "dev", there)
        ip("-n", name, "link", "set", there, "up")
        yield name, there
    finally:
        ip("netns", "del", name)


@pytest.fixture(scope="module")
def machine(stack, folder, namespace):
    """The other machine; this one goes on with the servers that both can reach."""
    name, _ = namespace
    database = Postgres(folder, "postgres-shared", listen_addresses=f"127.0.0.1,{DATABASE}")
    database.let_in(f"{OTHER}/32")
    redis = Redis(folder, "redis-shared", "--bind", "127.0.0.1", REDIS, "--protected-mode", "no")
    other = Machine(folder, stack.project, "gunicorn-other")
    other.within = ("ip", "netns", "exec", name)
    former = {key: stack.project.settings[key] for key in ("CACHE_URL", "WXAUTH_API_BASE")}
    with ExitStack() as running:
        for server in (database, redis):
            running.callback(server.end)
            server.start()
        wechat = running.enter_context(FakeWeChatServer(stack.wechat.fake, host=WECHAT))
        running.callback(stack.gunicorn.reload)
        running.callback(lambda: stack.project.configure(**former))
        stack.project.configure(CACHE_URL=redis.url, WXAUTH_API_BASE=wechat.url)
        running.enter_context(stack.moved_to(database))
        running.callback(other.end, signal.SIGQUIT)
        other.start(
            DATABASE_URL=database.url.replace("127.0.0.1", DATABASE),
            CACHE_URL=redis.url.replace("127.0.0.1", REDIS),
        )
        yield other


@pytest.fixture
def cut(namespace):
    """Let what the other machine sends to this address go to nobody; mend it again."""
    name, device = namespace
    gone = []

    def cut(address):
        nobody = ("lladdr", "02:00:00:00:00:99", "nud", "permanent")
        ip("-n", name, "neigh", "replace", address, *nobody, "dev", device)
        gone.append(address)

    def mend():
        while gone:
            ip("-n", name, "neigh", "del", gone.pop(), "dev", device)

    yield cut, mend
    mend()


def log_in(machine, stack):
    return machine.ask("POST", "login/", {"code": stack.wechat.fake.login_code("alice", APPID)})


def test_both_know_the_same_people(stack, machine):
    status, body = log_in(machine, stack)
    assert status == 200, body
    with Traffic(stack, connections=4, rate=20) as traffic:
        traffic.wait(20)
    assert Counter(each.status for each in traffic.got) == {200: len(traffic.got)}
    assert machine.ask("GET", "me/", token=body["token"]) == (200, body["user"])


def test_a_machine_without_redis_lets_everybody_in(stack, machine, cut, seconds):
    cut, mend = cut
    with Traffic(stack, connections=4, rate=20) as traffic:
        cut(REDIS)
        statuses = Counter(log_in(machine, stack)[0] for _ in range(seconds(15, 200)))
        mend()
        time.sleep(6)  # It looks again after five seconds.
        statuses += Counter(log_in(machine, stack)[0] for _ in range(5))
    assert set(statuses) == {200}
    assert set(Counter(each.status for each in traffic.got)) == {200}


def test_a_machine_without_wechat_says_so_and_is_back_by_itself(stack, machine, cut, seconds):
    cut, mend = cut
    token = log_in(machine, stack)[1]["token"]
    with Traffic(stack, connections=4, rate=20) as traffic:
        cut(WECHAT)
        refused = {log_in(machine, stack)[1]["code"] for _ in range(seconds(6, 60))}
        assert refused <= {"wechat_timeout", "wechat_unavailable"}
        # Who is logged in there does not notice.
        assert {machine.ask("GET", "me/", token=token)[0] for _ in range(20)} == {200}
        mend()
        ends = time.monotonic() + 30
        while log_in(machine, stack)[0] != 200:
            assert time.monotonic() < ends
            time.sleep(0.2)
    assert set(Counter(each.status for each in traffic.got)) == {200}
