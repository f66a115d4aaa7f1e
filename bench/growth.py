"""How cost grows with the rows: ``make bench GROWTH="10000 1000000"``, on PostgreSQL.

For each number of logins: a returning login and a token check, of people drawn from all of them,
one after the other, the sizes in turns; then what operators run. CPU is that of the project's
processes and, apart, of PostgreSQL, per request, row or line; a ratio is of both together, to the
first size. ROWS says how many rows are sealed anew and imported, at most.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack

import psutil

from wxauth.crypto.keyring import Keyring, generate_key

from . import phone
from .meter import Meter
from .target import TARGETS, serve
from .world import ROOT, World

PROJECT = TARGETS[0]
RESULTS = ROOT / "build" / "growth.json"
#: Requests in a turn, and turns of each kind.
REQUESTS, TURNS = 150, 7
#: At most so many rows to seal anew, lines of each of two files to import, logins that expire.
ROWS = int(os.environ.get("ROWS", "100000"))
#: Logins of a person.
EACH = 5

Row = dict[str, float]


class Size:
    """The project with so many logins in a database of its own."""

    def __init__(self, world: World, logins: int) -> None:
        self.world, self.logins = world, logins
        self.folder = world.folder / f"growth{logins}"
        self.folder.mkdir()
        self.database = f"growth_{logins}"
        world.make_database(self.database)
        self.urls = {
            "DATABASE_URL": f"postgres://postgres@127.0.0.1:{world.postgres.port}/{self.database}",
            "CACHE_URL": f"redis://127.0.0.1:{world.redis.port}/0",
            "WXAUTH_API_BASE": world.wechat_urls["http"],
        }
        self.environment = PROJECT.environment(world, self.urls, 16)
        self._run("-m", "django", "migrate", "--verbosity", "0")
        self.rows = min(ROWS, logins)
        counts = (logins, self.rows, self.rows)
        self._run("-m", "bench.filling", *map(str, counts), str(self.folder))
        self._vacuum()

    def operate(self) -> Iterator[tuple[str, Row]]:
        """What operators run."""
        # What Django itself takes to start is taken off the others.
        self.start = _median(self._command(1, "wxauth_generate_key") for _ in range(3))
        idle = _median(self._command(1, "wxauth_clear_expired", less=self.start) for _ in range(3))
        yield "clear, nothing to do", idle
        keys = f"{generate_key()},{self.environment['WXAUTH_ENCRYPTION_KEYS']}"
        self.environment["WXAUTH_ENCRYPTION_KEYS"] = keys
        # The others bear the name of this one, as if it had been there before: see bench.filling.
        prefix = Keyring([keys.partition(",")[0]]).prefix
        self._sql(
            "UPDATE wxauth_login"
            f" SET sealed_session_key = replace(sealed_session_key, '1ffffffff.', '{prefix}')"
            " WHERE sealed_session_key LIKE '1ffffffff.%'"
        )
        self._vacuum()
        yield "rotate, a row", self._command(self.rows, "wxauth_rotate_keys", less=self.start)
        self._sql(
            "UPDATE wxauth_login SET expires_at = now() - interval '1 s' WHERE id IN"
            f" (SELECT id FROM wxauth_login ORDER BY created_at LIMIT {self.rows // 2})"
        )
        self._vacuum()
        clear = self._command(self.rows // 2, "wxauth_clear_expired", less=self.start)
        yield "clear, an expired login", clear
        for kind in ("plain", "phones"):
            path = str(self.folder / f"{kind}.jsonl")
            done = self._command(self.rows, "wxauth_import", path, less=self.start)
            yield f"import, a line ({kind})", done

    def _command(self, times: int, *arguments: str, less: Row | None = None) -> Row:
        meter = Meter({"client": psutil.Process(), **self.world.processes()})
        before, begun = _children(), time.monotonic()
        self._run("manage.py", *arguments)
        used = meter.read() | {"client": _children() - before}
        row = _row(1, begun, used)
        base = less or dict.fromkeys(row, 0.0)
        return {name: (row[name] - base[name]) / times for name in row}

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def _sql(self, statement: str) -> str:
        command = ["psql", self.urls["DATABASE_URL"], "-qtAX", "-c", statement]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def _vacuum(self) -> None:
        """As autovacuum would have by now."""
        self._sql("VACUUM ANALYZE")


def ask(sizes: Sequence[Size]) -> Iterator[tuple[int, str, Row]]:
    """The medians of the turns of each size and operation."""
    with ExitStack() as running:
        everybody = []
        for size in sizes:
            serving = serve(PROJECT, size.world, scheme="http", urls=size.urls)
            served = running.enter_context(serving)
            known = random.Random(1).sample(range(size.logins // EACH), 300)
            asyncio.run(phone.prepare(served, [f"grown{index}" for index in known]))
            everybody.append((size, served))
        for operation in ("returning", "me"):
            turns: dict[int, list[Row]] = {size.logins: [] for size in sizes}
            for _ in range(TURNS):
                for size, served in everybody:
                    meter = Meter({"client": served.process, **size.world.processes()})
                    begun = time.monotonic()
                    asyncio.run(phone.repeat(served, operation, REQUESTS))
                    turns[size.logins].append(_row(REQUESTS, begun, meter.read()))
            for logins, rows in turns.items():
                yield logins, operation, _median(rows)


def _median(rows: Iterable[Row]) -> Row:
    every = list(rows)
    return {name: statistics.median(row[name] for row in every) for name in every[0]}


def _row(times: int, begun: float, used: dict[str, float]) -> Row:
    """Microseconds each."""
    return {
        "wall": 1e6 * (time.monotonic() - begun) / times,
        "client": 1e6 * used["client"] / times,
        "server": 1e6 * used["postgres"] / times,
    }


def _children() -> float:
    """CPU seconds of the commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(found: dict[int, dict[str, Row]]) -> str:
    first = next(iter(found.values()))
    lines = [
        "| operation | logins | CPU, µs | PostgreSQL's, µs | wall, µs | ratio | load |",
        "|---|---|---|---|---|---|---|",
    ]
    for operation, base in first.items():
        for size, rows in found.items():
            row = rows[operation]
            ratio = (row["client"] + row["server"]) / (base["client"] + base["server"])
            lines.append(
                f"| {operation} | {size:,} | {row['client']:,.0f} | {row['server']:,.0f} "
                f"| {row['wall']:,.0f} | {ratio:.2f} | {row['load']:.1f} |"
            )
    return "\n".join(lines)


def main() -> int:
    found: dict[int, dict[str, Row]] = {}
    with World() as world:
        sizes = []
        for logins in map(int, sys.argv[1:]):
            print(f"{logins:,} logins: making the rows", flush=True)
            sizes.append(Size(world, logins))
            found[logins] = {}
        for logins, operation, row in ask(sizes):
            found[logins][operation] = _told(logins, operation, row)
        for size in sizes:
            for operation, row in size.operate():
                found[size.logins][operation] = _told(size.logins, operation, row)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1))
    print(f"\n{table(found)}\n")
    return 0


def _told(logins: int, operation: str, row: Row) -> Row:
    load = os.getloadavg()[0]
    print(f"{logins:,} logins: {operation}, load {load:.1f}", flush=True)
    return row | {"load": load}


if __name__ == "__main__":
    sys.exit(main())
