"""eve uploads as much as she can: everybody else is answered as before."""

from __future__ import annotations

import contextlib
import http.client
import io
import threading
import time
from collections import Counter

import pytest
from PIL import Image

from .conftest import FULL
from .stack import APPID
from .traffic import Connection, Traffic, quantile, tell

pytestmark = pytest.mark.slow

#: At once, on one token.
UPLOADS = 48


def dear_picture():
    """A few hundred bytes that take a third of a second and 150 MB to unpack."""
    stream = io.BytesIO()
    Image.new("RGB", (4096, 2050), "red").save(stream, "WEBP", lossless=True)
    return stream.getvalue()


class Eve:
    """A context manager: so many connections that upload one picture after the other."""

    def __init__(self, stack):
        self._stack, self._stop = stack, threading.Event()
        self.statuses = Counter()
        with contextlib.closing(Connection(stack)) as connection:
            body = {"code": stack.wechat.fake.login_code("phone-15", APPID)}
            status, _, answer = connection.ask("POST", "/api/wxauth/login/", body)
        assert status == 200
        head = 'Content-Disposition: form-data; name="avatar"; filename="a.webp"'
        self._body = f"--x\r\n{head}\r\n\r\n".encode() + dear_picture() + b"\r\n--x--\r\n"
        self._headers = {
            "Authorization": f"Bearer {answer['token']}",
            "Content-Type": "multipart/form-data; boundary=x",
        }
        self._threads = [threading.Thread(target=self._upload) for _ in range(UPLOADS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _upload(self):
        connection = Connection(self._stack)
        while not self._stop.is_set():
            try:
                connection.request("POST", "/api/wxauth/me/avatar/", self._body, self._headers)
                answer = connection.getresponse()
                answer.read()
                self.statuses[answer.status] += 1
            except (OSError, http.client.HTTPException):
                connection.close()
                self.statuses[0] += 1
            self._stop.wait(0.2)
        connection.close()


def test_48_uploads_at_once_stop_nobody(stack, seconds):
    with Traffic(stack, connections=8, rate=40, kinds=("me",)) as traffic:
        traffic.wait(40 * seconds(3, 20))
        idle = [got for got in traffic.got if got.kind == "me"]
        begun = time.monotonic()
        with Eve(stack) as eve:
            traffic.wait(40 * seconds(5, 30))
        attacked = [got for got in traffic.since(begun) if got.kind == "me"]
    tell("idle", idle)
    tell(f"with {UPLOADS} uploads at once: {dict(eve.statuses)}", attacked)
    assert {got.status for got in traffic.got} == {200}
    # Ten a minute are hers; the others are told to come back.
    assert set(eve.statuses) <= {200, 429}
    assert eve.statuses[429] > eve.statuses[200]
    if FULL:
        assert quantile(attacked, 95) <= 3 * quantile(idle, 95)
