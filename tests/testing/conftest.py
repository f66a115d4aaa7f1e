from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from wxauth.testing import FakeWeChat, FakeWeChatServer

APPID, OTHER, SECRET = "wx1111111111111111", "wx2222222222222222", "s3cret"


class Http:
    """One connection to a served fake."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)

    def ask(self, method: str, path: str, document: object = None) -> http.client.HTTPResponse:
        body = document if isinstance(document, bytes | None) else json.dumps(document)
        self.connection.request(method, path, body)
        return self.connection.getresponse()

    def text(self, method: str, path: str, document: object = None) -> tuple[int, str]:
        answer = self.ask(method, path, document)
        return answer.status, answer.read().decode()

    def json(self, method: str, path: str, document: object = None) -> tuple[int, dict]:
        status, text = self.text(method, path, document)
        return status, json.loads(text)


def login_path(code: str, appid: str = APPID, secret: str = SECRET) -> str:
    return (
        f"/sns/jscode2session?appid={appid}&secret={secret}&js_code={code}"
        "&grant_type=authorization_code"
    )


@pytest.fixture
def fake() -> FakeWeChat:
    """A strict WeChat with two apps of one platform."""
    fake = FakeWeChat()
    fake.add_app(APPID, SECRET)
    fake.add_app(OTHER, SECRET)
    return fake


@pytest.fixture
def served(fake: FakeWeChat) -> Iterator[FakeWeChat]:
    with FakeWeChatServer(fake):
        yield fake


@pytest.fixture
def http_(served: FakeWeChat) -> Iterator[Http]:
    client = Http(served.url)
    yield client
    client.connection.close()
