"""Who is measured, and how each of them is served: gunicorn, as deploy/ sets it up."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.deploy.stack import BIN, free_port

from .world import HERE, ROOT, World

LOGINS = ("first", "returning")
PHONES = ("phone", "phone_code")


@dataclass(frozen=True)
class Target:
    name: str
    label: str
    operations: tuple[str, ...]
    prefix: str = "/"

    @property
    def database(self) -> str:
        return f"bench_{self.name}"

    def environment(self, world: World, urls: dict[str, str], threads: int) -> dict[str, str]:
        """``urls``: DATABASE_URL, CACHE_URL and WXAUTH_API_BASE."""
        ours = self.name == "project"
        # Set and empty is unset: the developer's own .env stays out.
        unset = dict.fromkeys(_variables(), "") if ours else {}
        wheel = [str(world.wheel)] if self.name == "wheel" else []
        return {
            "PATH": os.environ["PATH"],
            **unset,
            **world.settings,
            **urls,
            "WEB_CONCURRENCY": str(WORKERS),
            "WEB_THREADS": str(threads),
            "WXAUTH_CONCURRENCY": str(max(1, threads // 2)),
            "TARGET": self.name,
            "DJANGO_SETTINGS_MODULE": "config.settings" if ours else "targets.settings",
            "PYTHONPATH": os.pathsep.join([str(HERE / "site"), *wheel]),
        }

    @property
    def folder(self) -> str:
        return str(ROOT if self.name == "project" else HERE)

    @property
    def application(self) -> str:
        return "config.wsgi" if self.name == "project" else "targets.wsgi"


WORKERS = 2
TARGETS = (
    Target("project", "wxauth (project)", (*LOGINS, "me", *PHONES), "/api/wxauth/"),
    Target("wheel", "wxauth (wheel)", (*LOGINS, "me", *PHONES), "/api/wxauth/"),
    Target("floor", "raw SQL", LOGINS),
    Target("orm", "ORM by hand", (*LOGINS, "me", *PHONES)),
    Target("wechatpy_jwt", "wechatpy + simplejwt", (*LOGINS, "me")),
    Target("tutorial", "tutorial, authtoken", (*LOGINS, "me")),
    Target("knox_tokens", "knox", ("me",)),
)


def _variables() -> list[str]:
    """What the project reads from its environment."""
    return re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)


@dataclass
class Served:
    """A target that answers on ``port``."""

    target: Target
    port: int
    process: psutil.Process
    #: Seconds from its start to its first answer.
    start: float = 0.0
    #: Of people who have logged in, by name.
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def workers(self) -> list[psutil.Process]:
        found: list[psutil.Process] = self.process.children()
        return found


def migrate(target: Target, world: World) -> None:
    world.make_database(target.database)
    urls = direct_urls(target, world, "https")
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--verbosity", "0"],
        cwd=target.folder,
        env=target.environment(world, urls, 2),
        check=True,
    )


def direct_urls(target: Target, world: World, scheme: str) -> dict[str, str]:
    number = TARGETS.index(target)
    return {
        "DATABASE_URL": f"postgres://postgres@127.0.0.1:{world.postgres.port}/{target.database}",
        "CACHE_URL": f"redis://127.0.0.1:{world.redis.port}/{number}",
        "WXAUTH_API_BASE": world.wechat_urls[scheme],
    }


@contextmanager
def serve(
    target: Target,
    world: World,
    *,
    scheme: str = "https",
    threads: int = 16,
    workers: int = WORKERS,
    urls: dict[str, str] | None = None,
) -> Iterator[Served]:
    port = free_port()
    command = [
        str(BIN / "gunicorn"), target.application, "--bind", f"127.0.0.1:{port}",
        "--workers", str(workers), "--threads", str(threads), "--worker-class", "gthread",
        "--worker-tmp-dir", "/dev/shm", "--keep-alive", "0", "--no-control-socket",
        "--chdir", target.folder, "--log-level", "warning", "--graceful-timeout", "3",
    ]  # fmt: skip
    begun = time.monotonic()
    log = world.folder / f"{target.name}.log"
    with log.open("a") as output:
        process = subprocess.Popen(
            command,
            cwd=target.folder,
            env=target.environment(world, urls or direct_urls(target, world, scheme), threads),
            stdout=output,
            stderr=output,
        )
    try:
        served = Served(target, port, psutil.Process(process.pid))
        _wait(f"http://127.0.0.1:{port}{target.prefix}me/", process, log)
        served.start = time.monotonic() - begun
        yield served
    finally:
        process.terminate()
        process.wait(60)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while not _answers(url):
        if process.poll() is not None:
            raise SystemExit(f"The server ended before it began:\n{log.read_text()}")
        time.sleep(0.02)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=10)
    except urllib.error.HTTPError:
        return True  # If only that nobody is logged in.
    except OSError:
        return False
    return True
