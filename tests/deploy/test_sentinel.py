"""Redis with a replica and three Sentinels, as the deployment page has it: the master dies."""

from __future__ import annotations

import re
import signal
import subprocess
from collections import Counter
from contextlib import ExitStack, closing

import pytest

from .stack import APPID, ROOT, Redis, Sentinel, wait_for
from .traffic import Connection, SignUps, Traffic, tell

README = ROOT / "deploy" / "README.md"
CHINESE = ROOT / "deploy" / "README.zh-CN.md"
#: Of a limit, see ``stack.LIMITS``.
ALLOWED = 30


def documented(path):
    """What it says for the end of the settings."""
    (block,) = re.findall(r"```python\n(from redis\..*?)```", path.read_text(), re.DOTALL)
    return block


def test_both_languages_show_the_same_settings():
    assert documented(README) == documented(CHINESE)


class Watched:
    """A master, its replica and the three that watch them."""

    def __init__(self, folder, running):
        def start(server):
            running.callback(server.end)
            server.start()
            return server

        self.master = start(Redis(folder, "redis-master"))
        self.replica = start(
            Redis(folder, "redis-replica", "--replicaof", f"127.0.0.1 {self.master.port}")
        )
        self.sentinels = [
            start(Sentinel(folder, f"sentinel-{number}", self.master, quorum=2))
            for number in range(3)
        ]
        wait_for(lambda: "num-slaves,1,num-other-sentinels,2" in self._known(0))

    def _known(self, number):
        told = self._ask(self.sentinels[number].port, "SENTINEL", "MASTER", "wxauth").split()
        names = ("num-slaves", "num-other-sentinels")
        return ",".join(f"{name},{told[told.index(name) + 1]}" for name in names)

    def kill(self):
        """The machine with the master, where one of the Sentinels ran as well."""
        self.sentinels[0].end(signal.SIGKILL)
        self.master.end(signal.SIGKILL)

    def is_replaced(self):
        return "role:master" in self._ask(self.replica.port, "INFO", "replication")

    def counted(self):
        """How often something was counted in the former replica."""
        told = self._ask(self.replica.port, "INFO", "commandstats")
        return int(re.search(r"cmdstat_incrby:calls=(\d+)", told)[1])

    def _ask(self, port, *command):
        done = subprocess.run(
            ["redis-cli", "-p", str(port), *command], check=True, capture_output=True, text=True
        )
        return done.stdout


@pytest.fixture
def watched(stack, folder):
    settings = stack.project.folder / "config" / "settings.py"
    former, url = settings.read_text(), stack.project.settings["CACHE_URL"]
    with ExitStack() as running:
        redis = Watched(folder, running)
        block = documented(README)
        for number, sentinel in enumerate(redis.sentinels):
            there = f'("10.0.0.{5 + number}", 26379)'
            assert there in block
            block = block.replace(there, f'("127.0.0.1", {sentinel.port})')
        settings.write_text(f"{former}\n{block}")
        stack.project.configure(CACHE_URL="redis://wxauth/0")
        stack.gunicorn.reload()
        yield redis
        settings.write_text(former)
        stack.project.configure(CACHE_URL=url)
        stack.gunicorn.reload()


@pytest.mark.slow
def test_a_failover_loses_nobody_and_lets_nobody_try_without_end(stack, watched, seconds):
    fake, failed = stack.wechat.fake, stack.gunicorn.count("The cache failed")
    with closing(Connection(stack)) as connection:
        body = {"code": fake.login_code("alice", APPID)}
        token = connection.ask("POST", "/api/wxauth/login/", body)[2]["token"]

        def opens(times):
            headers = {"Authorization": f"Bearer {token}"}
            body = {"encryptedData": "bm90aGluZw==", "iv": "MDAwMDAwMDAwMDAwMDAwMA=="}
            for _ in range(times):
                yield connection.ask("POST", "/api/wxauth/decrypt/", body, headers)[0]

        with Traffic(stack, connections=8, rate=40) as traffic:
            traffic.wait(100)
            with SignUps(stack, connections=4) as people:
                people.wait(10)
                answers = Counter(opens(20))
                watched.kill()
                answers += Counter(opens(40))
                wait_for(watched.is_replaced)
                # A process that found no cache looks again after five seconds.
                traffic.wait(40 * 7)
                noticed, before = stack.gunicorn.count("The cache failed"), watched.counted()
                people.wait(10)
                traffic.wait(40 * seconds(3, 20))
                answers += Counter(opens(40))
    tell("a failover of Redis", traffic.got)
    print(f"  {len(people.let_in)} strangers let in, decrypt: {dict(answers)}")
    print(f"  noticed {noticed - failed} times")
    assert {got.status for got in traffic.got} == {200}
    assert people.refused == {}
    people.check()
    assert set(answers) <= {400, 409, 429}
    assert answers[400] + answers[409] <= 2 * ALLOWED
    # It was noticed, and all of them are at the new master, by themselves.
    assert noticed > failed
    assert stack.gunicorn.count("The cache failed") == noticed
    assert watched.counted() > before
