"""The suite on every database, one after the other: ``make test-all``.

``python tests/databases.py [NAME ...]`` takes the named ones only. POSTGRES_URL, MYSQL_URL (where
MariaDB is) and REDIS_URL say where the servers are; Django makes and drops a database ``test_…``
of its own on them. A server that does not answer fails the run, after the others have had their
turn. MySQL is brought along by ``tests/servers/mysql.sh``, and skipped where it cannot be had.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

POSTGRES_URL = os.environ.get("POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/wxauth")
MYSQL_URL = os.environ.get("MYSQL_URL", "mysql://root@127.0.0.1:3306/wxauth")
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/1")

PORTS = {"postgres": 5432, "mysql": 3306, "redis": 6379}

#: What asks no database is run once, with SQLite; the hosts have a suite of their own.
OURS = ["-m", "not wheel and not client and not hosts and not slow"]
HOSTS = ["-m", "hosts"]
SLOW = ["-m", "slow"]
#: What a database may see in its own way: collations, isolation, deadlocks, DDL.
SHORT = [
    "tests/test_models.py",
    "tests/admin/test_search.py",
    "tests/servers",
    *(
        f"tests/services/{name}"
        for name in (
            "erasure", "journal", "login", "merging", "test_transactions.py", "test_upkeep.py",
            "transfer",
        )
    ),
    *(
        f"tests/project/test_{name}.py"
        for name in (
            "access_tokens", "budget_races", "joins", "killed", "killed_erasures",
            "phone_races", "races", "schemas",
        )
    ),
]  # fmt: skip
POSTGRES = {"DATABASE_URL": POSTGRES_URL, "CACHE_URL": REDIS_URL}
MYSQL = {"DATABASE_URL": MYSQL_URL, "CACHE_URL": REDIS_URL}

# name → what the settings read, and what pytest is told.
SUITES: dict[str, tuple[dict[str, str], list[str]]] = {
    "SQLite": ({"DATABASE_URL": "", "CACHE_URL": ""}, ["-m", "wheel or not wheel"]),
    "PostgreSQL": (POSTGRES, OURS),
    "MariaDB": (MYSQL, OURS),
    "MySQL": ({"CACHE_URL": REDIS_URL}, OURS),
    "MySQL in short": ({"CACHE_URL": REDIS_URL}, [*OURS, *SHORT]),
    "hosts on PostgreSQL": (POSTGRES, HOSTS),
    "hosts on MariaDB": (MYSQL, HOSTS),
    "slow on PostgreSQL": (POSTGRES, SLOW),
    "slow on MariaDB": (MYSQL, SLOW),
}
#: CI's part of another suite, which `make test-all` runs whole.
PARTS = {"MySQL in short"}

#: Suites that bring their server → the command that runs another beside it, or answers 77.
BESIDE = dict.fromkeys(("MySQL", *PARTS), str(Path(__file__).parent / "servers" / "mysql.sh"))
NOT_TO_BE_HAD = 77

PASSED, SKIPPED = "passed", "skipped, for the reason above"

#: More than `make test` has time for: rounds of the races, which servers have by themselves, lives
#: of tests/project/test_states.py and inputs of every parser, on the database that is fastest at
#: it; and the troubles of tests/deploy/ for as long as reliability asks, when times count, too.
FULL = {"DEPLOY_FULL": "1"}
THOROUGH = {
    "SQLite": {"RACE_ROUNDS": "20", "STATE_RUNS": "500", "PARSER_RUNS": "10000"},
    "slow on PostgreSQL": FULL,
    "slow on MariaDB": FULL,
}


def silent_server(urls: dict[str, str]) -> str | None:
    """The first of these servers that does not answer, without its password."""
    for url in filter(None, urls.values()):
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORTS[parts.scheme]
        try:
            socket.create_connection((host, port), timeout=5).close()
        except OSError as error:
            return f"{parts.scheme}://{host}:{port} does not answer ({error})"
    return None


def call(name: str, *arguments: str) -> int:
    """Run Python with this suite's databases: its exit code, or NOT_TO_BE_HAD."""
    command = [BESIDE[name]] if name in BESIDE else []
    environment = THOROUGH.get(name, {}) | os.environ | SUITES[name][0]
    return subprocess.call([*command, sys.executable, *arguments], env=environment)


def run(name: str) -> str:
    """What became of it."""
    urls, arguments = SUITES[name]
    print(f"== {name}", flush=True)
    if problem := silent_server(urls):
        return problem
    code = call(name, "-m", "pytest", "--durations=10", *arguments)
    return {0: PASSED, NOT_TO_BE_HAD: SKIPPED}.get(code, "tests failed")


def main() -> int:
    names = sys.argv[1:] or [name for name in SUITES if name not in PARTS]
    outcomes = {name: run(name) for name in names}
    print()
    for name, outcome in outcomes.items():
        print(f"{name}: {outcome}")
    return 0 if {PASSED, SKIPPED}.issuperset(outcomes.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
