"""``make bench``: wxauth beside other logins, all of them against the same servers.

QUICK=1 takes two minutes in place of ten, SMOKE=1 one and means nothing; both leave docs/ alone.
PROFILE=1 adds where the CPU of the project goes.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from . import phone, profiling, report
from .meter import TOLERATED, Meter, cpu
from .plan import FULL, QUICK, SMOKE, Plan
from .proxy import PostgresProxy, Proxy
from .target import LOGINS, TARGETS, Served, Target, direct_urls, migrate, serve
from .world import ROOT, World

#: Seconds that WeChat takes where logins a second are counted.
LATENCY = 0.08
RESULTS = ROOT / "build" / "bench.json"

_begun = time.monotonic()


def say(text: str) -> None:
    print(f"[{time.monotonic() - _begun:4.0f} s] {text}", flush=True)


class Bench:
    def __init__(self, world: World, plan: Plan) -> None:
        self.world, self.plan = world, plan
        #: Cores that others kept busy, per turn.
        self.others: list[float] = []

    # -- one measure each; the result by target ------------------------------------------------

    def start_up(self) -> dict[str, Any]:
        """Seconds until the first answer, by the clock and of CPU; memory of an idle worker."""
        found: dict[str, list[tuple[float, float]]] = {target.name: [] for target in TARGETS}
        for number in range(self.plan.starts):
            say(f"start-up, {number + 1} of {self.plan.starts}")
            for target in _rotated(TARGETS, number):
                with serve(target, self.world) as served:
                    found[target.name].append((served.start, cpu(served.process)))
        return {
            name: [statistics.median(column) for column in zip(*rows, strict=True)]
            for name, rows in found.items()
        }

    async def count(self) -> dict[str, Any]:
        """What one request of each kind asks of the servers around."""
        counts: dict[str, Any] = {}
        for target in TARGETS:
            say(f"counting, {target.label}")
            postgres = PostgresProxy(self.world.postgres.port)
            redis = Proxy(self.world.redis.port)
            async with postgres, redis:
                urls = direct_urls(target, self.world, "https")
                for key, proxy, server in (
                    ("DATABASE_URL", postgres, self.world.postgres),
                    ("CACHE_URL", redis, self.world.redis),
                ):
                    urls[key] = urls[key].replace(f":{server.port}/", f":{proxy.port}/")
                starting = asyncio.to_thread(
                    _start, target, self.world, threads=1, workers=1, urls=urls
                )
                served, running = await starting
                with running:
                    await phone.prepare(served, phone.PEOPLE[:3])
                    counts[target.name] = {
                        operation: await self._count(served, operation, postgres, redis)
                        for operation in target.operations
                    }
        return counts

    async def _count(
        self, served: Served, operation: str, postgres: PostgresProxy, redis: Proxy
    ) -> dict[str, float]:
        times = 10

        def read() -> Counter[str]:
            wechat = self.world.ask_wechat()
            return Counter(
                statements=postgres.statements,
                database=postgres.turns,
                commands=self.world.redis_commands(),
                cache=redis.turns,
                calls=wechat["calls"],
                connections=wechat["connections"],
            )

        await phone.repeat(served, operation, 2)
        asked = -self.world.redis_commands() + self.world.redis_commands()
        before = read()
        await phone.repeat(served, operation, times)
        after = read()
        after["commands"] -= asked
        return {name: (after[name] - before[name]) / times for name in before}

    async def cpu(self, operations: Sequence[str], scheme: str) -> dict[str, Any]:
        """Milliseconds per request, by operation and target: a list with one turn of each round."""
        found: dict[str, Any] = {}
        with ExitStack() as running:
            everybody = []
            for target in TARGETS:
                if set(operations) & set(target.operations):
                    served = running.enter_context(serve(target, self.world, scheme=scheme))
                    await phone.prepare(served)
                    everybody.append(served)
            for operation in operations:
                able = [one for one in everybody if operation in one.target.operations]
                turns: dict[str, Any] = {one.target.name: [] for one in able}
                for number in range(-1, self.plan.rounds):  # The first warms up.
                    say(f"{operation} ({scheme}), round {number + 1} of {self.plan.rounds}")
                    for served in _rotated(able, number):
                        turn = await self._turn(served, operation)
                        if number >= 0:
                            turns[served.target.name].append(turn)
                found[operation] = turns
        return found

    async def _turn(self, served: Served, operation: str) -> dict[str, float]:
        times = self.plan.turns[operation]
        meter = Meter({"server": served.process, **self.world.processes()})
        await phone.repeat(served, operation, times)
        used = meter.read()
        self.others.append(used["others"])
        return {name: 1000 * used[name] / times for name in ("server", "postgres", "redis")}

    async def race(self) -> dict[str, Any]:
        """16 requests at once for a person whom nobody knows: how many of them went wrong."""
        found = {}
        for target in TARGETS:
            if "first" not in target.operations:
                continue
            say(f"16 first logins at once, {target.label}")
            with serve(target, self.world) as served:
                await phone.many(served, "first", 32, 16)  # Every thread has its connections.
                groups = [await phone.at_once(served, 16) for _ in range(self.plan.twins)]
            statuses = [status for group in groups for status in group]
            failed = sum(status != 200 for status in statuses)
            found[target.name] = {"failed": failed, "requests": len(statuses)}
        return found

    async def crowd(self) -> dict[str, Any]:
        """Logins a second with a WeChat that takes 80 ms, by threads and clients."""
        # The wheel answers as the project does, without the project's middleware.
        able = [one for one in TARGETS if "returning" in one.operations and one.name != "wheel"]
        found: dict[str, Any] = {target.name: [] for target in able}
        for number, threads in enumerate(self.plan.threads):
            for target in _rotated(able, number):
                with serve(target, self.world, threads=threads) as served:
                    await phone.prepare(served)
                    self.world.ask_wechat(latency=LATENCY)
                    for clients in self.plan.clients:
                        say(f"{clients} clients, {threads} threads, {target.label}")
                        times, failed = await phone.crowd(
                            served, "returning", clients, self.plan.seconds
                        )
                        found[target.name].append(
                            {
                                "threads": threads,
                                "clients": clients,
                                "per_second": len(times) / self.plan.seconds,
                                "p50": _percentile(times, 50),
                                "p99": _percentile(times, 99),
                                "failed": failed,
                            }
                        )
                    self.world.ask_wechat(latency=0)
        return found

    async def remember(self) -> dict[str, Any]:
        """Megabytes of a worker after so many logins."""
        found: dict[str, Any] = {}
        for target in TARGETS:
            if target.name not in ("project", "wheel", "orm"):
                continue
            steps = self.plan.logins if target.name == "project" else self.plan.logins[:2]
            found[target.name] = {}
            with serve(target, self.world, scheme="http") as served:
                await phone.prepare(served)
                done = len(served.tokens)
                for step in steps:
                    say(f"memory after {step} logins, {target.label}")
                    await phone.many(served, "returning", step - done, 16)
                    done = step
                    sizes = [worker.memory_info().rss / 2**20 for worker in served.workers]
                    found[target.name][str(step)] = sum(sizes) / len(sizes)
        return found


def _start(target: Target, world: World, **options: Any) -> tuple[Served, ExitStack]:
    with ExitStack() as running:
        served = running.enter_context(serve(target, world, **options))
        return served, running.pop_all()


def _rotated(things: Sequence[Any], by: int) -> list[Any]:
    by %= len(things)
    return [*things[by:], *things[:by]]


def _percentile(times: list[float], percent: int) -> float:
    """Milliseconds."""
    if not times:
        return 0.0
    return 1000 * sorted(times)[min(len(times) - 1, len(times) * percent // 100)]


async def run(chosen: Plan, *, profile: bool) -> dict[str, Any]:
    say("PostgreSQL, Redis, a fake WeChat, the wheel")
    with World() as world:
        for target in TARGETS:
            say(f"tables of {target.label}")
            migrate(target, world)
        bench = Bench(world, chosen)
        results = {
            "plan": chosen.name,
            "start_up": bench.start_up(),
            "counts": await bench.count(),
            "https": await bench.cpu(("first", "returning", "me", "phone", "phone_code"), "https"),
            "http": await bench.cpu(LOGINS, "http"),
            "races": await bench.race(),
            "crowd": await bench.crowd(),
            "memory": await bench.remember(),
            "others": bench.others,
        }
        if profile:
            results["profile"] = await profiling.run(world, say)
        return results


def main() -> int:
    chosen = FULL
    if os.environ.get("QUICK"):
        chosen = QUICK
    if os.environ.get("SMOKE"):
        chosen = SMOKE
    results = asyncio.run(run(chosen, profile=bool(os.environ.get("PROFILE"))))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1))
    print()
    print(report.text(results, "en"))
    turns = results["others"]
    busy = sum(share > TOLERATED for share in turns)
    if busy * 10 > len(turns):
        print(f"The machine was busy with something else in {busy} of {len(turns)} turns.")
        print("Do not trust these figures: docs/ keeps those that it has.")
    elif chosen is FULL:
        report.write(results)
    say(f"done; all figures stand in {RESULTS.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
