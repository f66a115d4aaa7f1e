"""What all targets stand in: PostgreSQL, Redis and the fake WeChat, for one run of the bench."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import certifi
import psutil
import psycopg
import redis

from tests.deploy.stack import Postgres, Redis
from wxauth.crypto.keyring import generate_key

from .wechat import APPID, SECRET

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).resolve().parent


#: Two workers with 64 threads each, of one target at a time, and what idles beside them.
CONNECTIONS = 400


class World:
    def __init__(self) -> None:
        self._running = ExitStack()

    def __enter__(self) -> World:
        with self._running:
            self.folder = Path(self._running.enter_context(tempfile.TemporaryDirectory()))
            self.folder.chmod(0o755)  # PostgreSQL is another user.
            self.postgres, self.redis = (
                Postgres(self.folder, max_connections=CONNECTIONS),
                Redis(self.folder),
            )
            for server in (self.postgres, self.redis):
                self._running.callback(server.end, 2)
                server.start()
            self._certify()
            self._start_wechat()
            self.wheel = self._build_wheel()
            self.settings = {
                "SECRET_KEY": "for-one-run-only-0123456789-0123456789-0123456789-abc",
                "DEBUG": "False",
                "ALLOWED_HOSTS": "127.0.0.1",
                "WXAUTH_APPID": APPID,
                "WXAUTH_SECRET": SECRET,
                "WXAUTH_ENCRYPTION_KEYS": generate_key(),
                "WXAUTH_LOOKUP_KEY": generate_key(),
                # Nobody is kept from anything: everything is counted nevertheless.
                "WXAUTH_LIMITS": json.dumps(
                    dict.fromkeys(
                        ("login_address", "login_openid", "decrypt", "phone", "link"),
                        "99999999/min",
                    )
                ),
                "BENCH_BUNDLE": str(self.folder / "bundle.pem"),
            }
            self._running = self._running.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._running.close()

    def _certify(self) -> None:
        """A certificate for 127.0.0.1, and the usual bundle with it."""
        self._certificate, self._key = self.folder / "wechat.pem", self.folder / "wechat.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-keyout", self._key, "-out", self._certificate, "-subj", "/CN=127.0.0.1",
             "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, capture_output=True,
        )  # fmt: skip
        bundle = Path(certifi.where()).read_text() + self._certificate.read_text()
        (self.folder / "bundle.pem").write_text(bundle)

    def _start_wechat(self) -> None:
        command = [sys.executable, HERE / "wechat.py", self._certificate, self._key]
        self.wechat = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._running.callback(self.wechat.wait)
        self._running.callback(self.wechat.terminate)
        assert self.wechat.stdout is not None
        plain, tls = self.wechat.stdout.readline().split()
        self._plain_port = int(plain)
        self.wechat_urls = {
            "http": f"http://127.0.0.1:{plain}",
            "https": f"https://127.0.0.1:{tls}",
        }

    def _build_wheel(self) -> Path:
        """A folder with wxauth as its wheel has it. From a copy: setuptools leaves its own."""
        source, installed = self.folder / "source", self.folder / "wheel"
        source.mkdir()
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        shutil.copytree(ROOT / "wxauth", source / "wxauth")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run(
            [*pip, "--no-build-isolation", "--no-index", "--target", installed, source],
            check=True,
        )
        return installed

    def make_database(self, name: str) -> None:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")

    def ask_wechat(self, **params: float) -> dict[str, int]:
        """Its counts; ``latency`` in seconds sets it."""
        query = "&".join(f"{name}={value}" for name, value in params.items())
        connection = http.client.HTTPConnection("127.0.0.1", self._plain_port)
        connection.request("GET", f"/bench/?{query}")
        counts: dict[str, int] = json.loads(connection.getresponse().read())
        connection.close()
        return counts

    def redis_commands(self) -> int:
        """How many the server has executed, without the one that asks."""
        with redis.Redis(port=self.redis.port) as client:
            stats: dict[str, Any] = client.info("stats")
        return int(stats["total_commands_processed"])

    def processes(self) -> dict[str, psutil.Process]:
        return {
            "postgres": psutil.Process(self.postgres.process.pid),
            "redis": psutil.Process(self.redis.process.pid),
            "wechat": psutil.Process(self.wechat.pid),
        }
