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
from urllib.parse import parse_qs, urlencode, urlsplit

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
#: A website of the same platform.
SITE = "wx0000000000000003"
ROOT = "/api/wxauth/"
#: Bytes of a body, as ``wxauth.api`` takes them.
SMALL, DATA, PUSH = 4 * 1024, 32 * 1024, 64 * 1024
#: Bytes of a form, by Django's DATA_UPLOAD_MAX_MEMORY_SIZE.
FORM = 2_621_440
#: Token and EncodingAESKey.
KEYS = ("token", "k" * 43)
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

    def push(self, event: str, size: int = 0, **fields: Any) -> Any:
        """A message that fills the body; ``size``: one that is not WeChat's."""
        sent = self.fake.push(event, "alice", x="x" * 48_500, **fields)
        url = f"{ROOT}push/{APP}/?{urlencode(sent.query)}"
        body = padded(size, Encrypt="") if size else sent.body
        assert len(body) <= PUSH
        return self.client.generic("POST", url, body, "application/json")

    def upload(self, content: bytes) -> Any:
        file = SimpleUploadedFile("a", content, "application/octet-stream")
        return self.client.post(f"{ROOT}me/avatar/", {"avatar": file}, headers=self.headers)

    def begin(self) -> Callable[[], Any]:
        """A browser that WeChat sends back, in as many tabs as are remembered; its last step."""
        from wxauth.web import states

        browser = Client()
        for _ in range(states.MOST):
            address = browser.get(f"/wechat/start/{SITE}/").headers["Location"]
        state = parse_qs(urlsplit(address).query)["state"][0]
        query = urlencode({"code": self.fake.oauth2_code("alice", SITE), "state": state})
        return lambda: browser.get(f"/wechat/callback/?{query}")

    def enter(self) -> Callable[[], Any]:
        """Say yes in a web-view that has no session yet."""
        url = self.post("web-ticket/").json()["url"]
        form = {"ticket": parse_qs(urlsplit(url).query)["ticket"][0], "x": ""}
        form["x"] = "x" * (FORM - len(urlencode(form)))
        kind = "application/x-www-form-urlencoded"
        return lambda: Client().post("/wechat/enter/", urlencode(form), kind)

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
    yield "`POST web-ticket/`", SMALL, lambda: caller.post("web-ticket/", padded(SMALL, next="/"))
    browsers = iter([caller.begin() for _ in range(ROUNDS + 2)])
    yield "`GET callback/`", 0, lambda: next(browsers)()
    readers = iter([caller.enter() for _ in range(ROUNDS + 2)])
    yield "`POST enter/`", FORM, lambda: next(readers)()
    yield EXPORT, 0, lambda: caller.post("me/export/", b"", "GET")
    callers = iter([Caller(fake) for _ in range(ROUNDS + 2)])
    yield "`POST logout/`", SMALL, lambda: next(callers).post("logout/", padded(SMALL))
    stamps = iter(range(1, 1000))
    yield (
        "`POST push/<id>/`",
        PUSH,
        lambda: caller.push("user_authorization_revoke", CreateTime=next(stamps), RevokeInfo="6"),
    )
    yield "`POST push/<id>/`, not WeChat's", PUSH, lambda: caller.push("a", PUSH)
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
        server.fake.set_push_keys(APP, *KEYS)
        server.fake.add_app(SITE, "secret-of-the-site", kind="website")
        push = {"TOKEN": KEYS[0], "AES_KEYS": [KEYS[1]]}
        apps = {
            APP: {**settings.WXAUTH["APPS"][APP], "PUSH": push},
            SITE: {"SECRET": "secret-of-the-site", "KIND": "website"},
        }
        wxauth = {**settings.WXAUTH, "API_BASE": server.url, "APPS": apps, "PREFETCH": True}
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
                assert answer.status_code < 400 or name in (
                    "any other path",
                    "`POST push/<id>/`, not WeChat's",
                ), answer.content
            print(
                f"| {name} | {size:,} | {statements} "
                f"| {statistics.median(times) * 1000:.1f} | {(most() - before) / 1024:.1f} |"
            )


if __name__ == "__main__":
    main()
