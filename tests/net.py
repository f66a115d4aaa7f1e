"""The schema turned against the server: ``python -m tests.net [SECONDS]``, after
``make .venv/security.stamp``.

schemathesis calls every operation of ``/api/schema/``, with what the schema allows and with what it
forbids, and holds each answer against it: the declared statuses, types, headers and bodies, no 500,
nobody let in without a token. The server is the project as it runs in production, under gunicorn
with DEBUG off, with a fake WeChat and a database of its own. So many seconds (50) with a token, and
as many without.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import requests
import schemathesis
from schemathesis.cli import schemathesis as command

from wxauth.crypto.keyring import generate_key
from wxauth.testing import FakeWeChat, FakeWeChatServer

ROOT = Path(__file__).resolve().parents[1]
APPID, SECRET = "wx0000000000000001", "secret-of-app-one"
SECONDS = 50
#: The check that cannot hold: no schema says which codes are WeChat's, and which data is encrypted
#: under a session_key of ours.
UNKNOWABLE = "positive_data_acceptance"
#: Limits would answer for the parsers.
LIMITS = dict.fromkeys(
    ("login_address", "login_openid", "decrypt", "phone", "link", "profile", "avatar"),
    "9999999/min",
)


@contextlib.contextmanager
def serving(folder: Path, wechat: str) -> Iterator[str]:
    """The project under gunicorn; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    names = re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    environment = os.environ | dict.fromkeys(names, "")
    environment |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "WEB_CONCURRENCY": "2",
        "WEB_THREADS": "16",
        "SECRET_KEY": "for-one-run-only-0123456789-0123456789-0123456789-abc",
        "ALLOWED_HOSTS": "127.0.0.1",
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "MEDIA_ROOT": f"{folder}/media",
        "WXAUTH_LOCAL_MEDIA": "True",
        "WXAUTH_API_BASE": wechat,
        "WXAUTH_APPID": APPID,
        "WXAUTH_SECRET": SECRET,
        "WXAUTH_LIMITS": json.dumps(LIMITS),
        "WXAUTH_ENCRYPTION_KEYS": generate_key(),
        "WXAUTH_LOOKUP_KEY": generate_key(),
    }
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py"]
    with (folder / "gunicorn.log").open("wb") as log:
        process = subprocess.Popen(
            [*gunicorn, "--bind", address], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        _await(f"http://{address}/healthz", process)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(30)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(requests.RequestException):
            if requests.get(url, timeout=5).ok:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{url} does not answer")
        time.sleep(0.05)


class Alice:
    """A token of Alice's for every call: some calls end the login that they came with."""

    server: ClassVar[str]
    fake: ClassVar[FakeWeChat]

    def get(self, case: Any, context: Any) -> str:
        body = {"code": self.fake.login_code("alice")}
        answer = requests.post(f"{self.server}/api/wxauth/login/", json=body, timeout=9)
        answer.raise_for_status()
        return str(answer.json()["token"])

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


def give_what_wechat_gave(context: Any, case: Any, kwargs: Any) -> None:
    """Every second time that a request fits the schema, codes and data in it are Alice's own.

    Else nothing would get past WeChat's refusal.
    """
    body = case.body
    if not isinstance(body, dict) or not case.meta.generation.mode.is_positive or next(_others):
        return
    fake, is_phone = Alice.fake, case.path.endswith("me/phone/")
    data = fake.phone_data("alice") if is_phone else fake.user_info("alice")
    codes = {
        "code": fake.phone_code("alice") if is_phone else fake.login_code("alice"),
        "phone_code": fake.phone_code("alice"),
        "appid": APPID,
    }
    body.update({name: value for name, value in {**data, **codes}.items() if name in body})


def note_call(context: Any, case: Any, kwargs: Any) -> None:
    # A forbidden Host is refused before there is an operation: no schema speaks of it.
    for name in [name for name in case.headers or () if name.lower() == "host"]:
        del case.headers[name]
    _called.add((case.method.upper(), case.path))


_others = itertools.cycle([False, True])
#: Operations, by method and path.
_called: set[tuple[str, str]] = set()


def run(server: str, seconds: int) -> int:
    """The exit status of schemathesis: 0 where every check held, of every operation.

    On a machine that is too busy its time is over before it has begun, and it is content.
    """
    _called.clear()
    arguments = [
        *("run", f"{server}/api/schema/", "--max-time", str(seconds), "--checks", "all"),
        *("--exclude-checks", UNKNOWABLE),
        *("--request-timeout", "20", "--no-color"),
        # The same calls in every run: what one change breaks is not another one's bad luck.
        "--generation-deterministic",
    ]
    try:
        command.main(arguments)
    except SystemExit as ended:
        if ended.code:
            return 1
    paths = requests.get(f"{server}/api/schema/?format=json", timeout=60).json()["paths"]
    operations = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    missing = sorted(operations - _called)
    print(f"{len(operations) - len(missing)} of {len(operations)} operations called.", *missing)
    return 1 if missing else 0


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    fake = FakeWeChat()
    fake.add_app(APPID, SECRET)
    with (
        tempfile.TemporaryDirectory(prefix="wxauth-net-") as folder,
        FakeWeChatServer(fake) as wechat,
        serving(Path(folder), wechat.url) as server,
    ):
        os.chdir(folder)  # schemathesis keeps notes where it runs.
        schemathesis.hook("before_call")(note_call)
        print("== without a token", flush=True)
        statuses = [run(server, seconds)]
        print("== with a token", flush=True)
        Alice.server, Alice.fake = server, fake
        schemathesis.hook("before_call")(give_what_wechat_gave)
        schemathesis.auth(refresh_interval=None)(Alice)
        statuses.append(run(server, seconds))
        log = (Path(folder) / "gunicorn.log").read_text()
    tracebacks = log.count("Traceback (most recent call last)")
    print(f"{tracebacks} tracebacks in the server's log.")
    if tracebacks:
        print(log[log.index("Traceback") :][:4000])
    return 1 if any(statuses) or tracebacks else 0


if __name__ == "__main__":
    sys.exit(main())
