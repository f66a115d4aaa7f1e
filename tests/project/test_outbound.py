"""Nobody is asked but WeChat, whatever addresses come along."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings

from tests.api.phone import Phone

pytestmark = pytest.mark.django_db

#: Where somebody would like this server to look.
PICTURES = (
    "http://127.0.0.1:9/", "http://localhost:9/a.jpg", "http://[::1]:9/", "http://0.0.0.0:9/",
    "http://2130706433:9/", "http://0x7f000001:9/", "http://169.254.169.254/latest/meta-data/",
    "http://metadata.google.internal/", "http://100.100.100.200/latest/meta-data/",
    "https://alice@127.0.0.1:9/", "https://thirdwx.qlogo.cn/mmopen/a/132",
    "https://thirdwx.qlogo.cn@127.0.0.1:9/",
)  # fmt: skip

_asked: set[object] | None = None


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if _asked is None:
        return
    if event == "socket.connect":
        _asked.add(arguments[1][1])
    elif event == "socket.getaddrinfo":
        _asked.add(arguments[1])


# There is no way to take it off again.
sys.addaudithook(_note)


@pytest.fixture
def asked():
    """The ports that are connected to or looked up with a name."""
    global _asked
    _asked = set()
    yield _asked
    _asked = None


def test_no_picture_that_an_address_is_given_of_is_looked_at(fake_wechat, asked):
    for picture in PICTURES:
        fake_wechat.add_person("alice", nickname="Alice", avatar_url=picture)
        alice = Phone(fake_wechat, "alice")
        info = fake_wechat.user_info("alice", real=True)
        assert alice.post("me/userinfo/", info).status_code == 200
        assert alice.me()["avatar"] in {picture, None}
        alice.post("me/phone/", {"phone_code": fake_wechat.phone_code("alice")})
    cache = urlsplit(str(django_settings.CACHES["default"].get("LOCATION", "")))
    assert asked - {cache.port} == {urlsplit(fake_wechat.url).port}
