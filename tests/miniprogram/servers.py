"""The project's server and the sandbox, as subprocesses, on an SQLite file of their own."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MANAGE = str(ROOT / "manage.py")


@dataclass(frozen=True)
class Servers:
    backend: str
    sandbox: str
    #: Of processes that belong to the same project.
    environment: Mapping[str, str]


def clean_environment() -> dict[str, str]:
    """Every variable of the project is there, and empty: the developer's own ``.env`` is out."""
    example = (ROOT / ".env.example").read_text()
    names = re.findall(r"^#([A-Z_]+)=", example, re.MULTILINE)
    return os.environ | dict.fromkeys(names, "") | {"DJANGO_SETTINGS_MODULE": "config.settings"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(environment: Mapping[str, str], folder: Path) -> Iterator[Servers]:
    backend, sandbox = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    environment = {
        **environment,
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "WXAUTH_API_BASE": sandbox,
        "PYTHONUNBUFFERED": "1",
    }
    manage("migrate", environment)
    commands = [
        ["wxauth_sandbox", "--port", sandbox.rpartition(":")[2], "--backend", backend],
        ["runserver", "--noreload", "--skip-checks", backend.removeprefix("http://")],
    ]
    logs = [(folder / f"{command[0]}.log").open("wb") for command in commands]
    processes = [
        subprocess.Popen(
            [sys.executable, MANAGE, *command], env=environment, stdout=log, stderr=log
        )
        for command, log in zip(commands, logs, strict=True)
    ]
    try:
        for process, url in zip(
            processes, (f"{sandbox}/sandbox/code", f"{backend}/healthz"), strict=True
        ):
            await_answer(url, process)
        yield Servers(backend, sandbox, environment)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)
        for log in logs:
            log.close()


def manage(command: str, environment: Mapping[str, str]) -> None:
    subprocess.run(
        [sys.executable, MANAGE, command, "--noinput", "--verbosity", "0"],
        env=environment,
        check=True,
        timeout=60,
    )


def await_answer(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 40
    while not answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"{url} does not answer")
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True
