"""What the dearest request to each endpoint costs: ``python -m bench.bounds``.

In this process, on the tests' SQLite: what is measured is our own work, not the database's. Bytes
are what is read of a body, CPU the median of 15 requests, memory what the process grew by at most.
The table goes to the reference.
"""

from __future__ import annotations

import io
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings, setup_databases
from PIL import Image

from wxauth.testing import FakeWeChat, FakeWeChatServer

APP = "wx0000000000000001"
ROOT = "/api/wxauth/"
#: Bytes of a body, as ``wxauth.api`` takes them.
SMALL, DATA = 4 * 1024, 32 * 1024
ROUNDS = 15
EXPORT = "`GET me/export/` (10,000 logins)"


def most() -> int:
    """Kilobytes that this process has had at most since ``forget``."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def forget() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def padded(size: int, **fields: Any) -> bytes:
    """A JSON object of so many bytes, as dear to read as any: many short members."""
    body = json.dumps(fields)[:-1] + ', "x": ['
    count = (size - len(body) - 2) // 3
    return (body + ",".join(["[]"] * count) + "]}").encode()


def picture(kind: str, side: tuple[int, int], **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", side, "red").save(stream, kind, **options)
    return stream.getvalue()


class Caller:
    def __init__(self, fake: FakeWeChat) -> None:
        self.fake, self.client = fake, Client(raise_request_exception=False)
        self.headers: dict[str, str] = {}
        token = self.post("login/", json.dumps({"code": fake.login_code("alice")}).encode())
        self.headers = {"Authorization": f"Bearer {token.json()['token']}"}

    def post(self, path: str, body: bytes = b"{}", method: str = "POST") -> Any:
        return self.client.generic(
            method, ROOT + path, body, "application/json", headers=self.headers
        )

    def upload(self, content: bytes) -> Any:
        file = SimpleUploadedFile("a", content, "application/octet-stream")
        return self.client.post(f"{ROOT}me/avatar/", {"avatar": file}, headers=self.headers)

    def data(self, **about: Any) -> bytes:
        """Encrypted data that opens, and fills what a body may have."""
        sent = self.fake.encrypt({**about, "x": [1] * 7800}, "alice")
        return json.dumps(sent).encode()


def multiply(count: int) -> None:
    """So many logins, of the one who logged in first."""
    from wxauth.models import Login

    row = Login.objects.order_by("pk").values().first()
    assert row is not None
    del row["id"]
    Login.objects.bulk_create(
        (Login(**{**row, "digest": str(number)}) for number in range(count)), batch_size=1000
    )


def requests(caller: Caller) -> Iterator[tuple[str, int, Callable[[], Any]]]:
    fake = caller.fake
    yield (
        "`POST login/`",
        DATA,
        lambda: caller.post("login/", padded(DATA, code=fake.login_code("alice"))),
    )
    yield (
        "`POST link/`",
        SMALL,
        lambda: caller.post("link/", padded(SMALL, code=fake.login_code("alice"))),
    )
    yield "`GET me/`", 0, lambda: caller.post("me/", b"", "GET")
    yield "`POST me/`", SMALL, lambda: caller.post("me/", padded(SMALL, nickname="A"))
    webp = picture("WEBP", (4096, 2050), lossless=True)
    yield "`POST me/avatar/`", 5 * 1024 * 1024, lambda: caller.upload(webp)
    number = {"purePhoneNumber": "13800138001", "countryCode": "86"}
    yield (
        "`POST me/userinfo/`",
        DATA,
        lambda: caller.post("me/userinfo/", caller.data(nickName="A")),
    )
    yield "`POST me/phone/`", DATA, lambda: caller.post("me/phone/", caller.data(**number))
    yield "`POST decrypt/`", DATA, lambda: caller.post("decrypt/", caller.data())
    yield "`POST session/check/`", SMALL, lambda: caller.post("session/check/", padded(SMALL))
    yield "`GET me/logins/` (50)", 0, lambda: caller.post("me/logins/", b"", "GET")
    yield "`GET me/identities/`", 0, lambda: caller.post("me/identities/", b"", "GET")
    yield (
        "`GET prefetch/`",
        0,
        lambda: caller.client.get(f"{ROOT}prefetch/", fake.prefetch_query("alice")),
    )
    # Alone, each would do nothing the second time.
    yield (
        "`DELETE me/`, then `POST me/deletion/cancel/`",
        SMALL,
        lambda: (
            caller.post("me/", padded(SMALL), "DELETE"),
            caller.post("me/deletion/cancel/", padded(SMALL)),
        )[1],
    )
    yield EXPORT, 0, lambda: caller.post("me/export/", b"", "GET")
    callers = iter([Caller(fake) for _ in range(ROUNDS + 2)])
    yield "`POST logout/`", SMALL, lambda: next(callers).post("logout/", padded(SMALL))
    yield "any other path", SMALL, lambda: caller.post("nope/", padded(SMALL))


@contextmanager
def world() -> Iterator[FakeWeChat]:
    django.setup()
    setup_databases(verbosity=0, interactive=False)
    with (
        tempfile.TemporaryDirectory() as media,
        FakeWeChatServer(FakeWeChat(default_appid=APP)) as server,
    ):
        server.fake.add_app(APP, "secret-of-app-one")
        wxauth = {**settings.WXAUTH, "API_BASE": server.url, "PREFETCH": True}
        with override_settings(WXAUTH=wxauth, MEDIA_ROOT=media):
            yield server.fake


def main() -> None:
    logging.disable()
    with world() as fake:
        caller = Caller(fake)
        print("| request | bytes | statements | CPU, ms | memory, MB |\n|---|---|---|---|---|")
        for name, size, ask in requests(caller):
            if name == "`GET me/logins/` (50)":
                for _ in range(50):
                    Caller(fake)
            if name == EXPORT:
                multiply(10_000)
            ask()
            with CaptureQueriesContext(connection) as captured:
                ask()
            statements = len(captured)  # The next request empties it.
            forget()
            before, times = most(), []
            for _ in range(ROUNDS):
                begun = time.process_time()
                answer = ask()
                times.append(time.process_time() - begun)
                assert answer.status_code < 300 or "other" in name, answer.content
            print(
                f"| {name} | {size:,} | {statements} "
                f"| {statistics.median(times) * 1000:.1f} | {(most() - before) / 1024:.1f} |"
            )


if __name__ == "__main__":
    main()
