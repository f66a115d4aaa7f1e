"""The suite on every database, one after the other: ``make test-all``.

``python tests/databases.py [NAME ...]`` takes the named ones only. POSTGRES_URL, MYSQL_URL and
REDIS_URL say where the servers are; Django makes and drops a database ``test_…`` of its own on
them. A server that does not answer fails the run, after the others have had their turn.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from urllib.parse import urlsplit

POSTGRES_URL = os.environ.get("POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/wxauth")
MYSQL_URL = os.environ.get("MYSQL_URL", "mysql://root@127.0.0.1:3306/wxauth")
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/1")

PORTS = {"postgres": 5432, "mysql": 3306, "redis": 6379}

#: What asks no database is run once, with SQLite; the hosts have a suite of their own.
OURS = ["-m", "not wheel and not client and not hosts and not slow"]
HOSTS = ["-m", "hosts"]
SLOW = ["-m", "slow"]
POSTGRES = {"DATABASE_URL": POSTGRES_URL, "CACHE_URL": REDIS_URL}
MYSQL = {"DATABASE_URL": MYSQL_URL, "CACHE_URL": REDIS_URL}

# name → what the settings read, and what pytest is told.
SUITES: dict[str, tuple[dict[str, str], list[str]]] = {
    "SQLite": ({"DATABASE_URL": "", "CACHE_URL": ""}, ["-m", "wheel or not wheel"]),
    "PostgreSQL": (POSTGRES, OURS),
    "MariaDB": (MYSQL, OURS),
    "hosts on PostgreSQL": (POSTGRES, HOSTS),
    "hosts on MariaDB": (MYSQL, HOSTS),
    "slow on PostgreSQL": (POSTGRES, SLOW),
    "slow on MariaDB": (MYSQL, SLOW),
}


#: More than `make test` has time for: rounds of the races, which servers have by themselves, and
#: lives of tests/project/test_states.py, on the database that is fastest at it.
THOROUGH = {"SQLite": {"RACE_ROUNDS": "20", "STATE_RUNS": "300"}}


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


def run(name: str) -> str | None:
    """What is wrong on this database, or None."""
    urls, arguments = SUITES[name]
    print(f"== {name}", flush=True)
    problem = silent_server(urls)
    if problem is None:
        command = [sys.executable, "-m", "pytest", *arguments]
        if subprocess.call(command, env=os.environ | urls | THOROUGH.get(name, {})) != 0:
            problem = "tests failed"
    return problem


def main() -> int:
    problems = {name: run(name) for name in sys.argv[1:] or SUITES}
    print()
    for name, problem in problems.items():
        print(f"{name}: {problem or 'passed'}")
    return 1 if any(problems.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
