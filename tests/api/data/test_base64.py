"""Base64 as phones really send it, and what is no longer it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.api.contract import assert_error
from tests.api.phone import Phone

pytestmark = pytest.mark.django_db


def with_plus_and_slash(phone: Phone) -> dict[str, str]:
    """Data whose base64 has everything that gets lost on the way: ``+``, ``/`` and ``=``."""
    while True:
        data = phone.encrypt({"nickName": "小爱", "openGId": "tG"})
        if all("+" in text and "/" in text and "=" in text for text in data.values()):
            return data


READABLE: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "blanks for +": lambda text: text.replace("+", " "),
    "URL-safe": lambda text: text.replace("+", "-").replace("/", "_"),
    "no padding": lambda text: text.rstrip("="),
    "percent-encoded": lambda text: quote(text, safe=""),
    "percent-encoded in lower case": lambda text: text.replace("+", "%2b").replace("/", "%2f"),
    "URL-safe, no padding": lambda t: t.replace("+", "-").replace("/", "_").rstrip("="),
}
UNREADABLE: dict[str, Callable[[str], str]] = {
    "surplus =": lambda text: text + "=",
    "more surplus =": lambda text: text + "====",
    "= in the middle": lambda text: text[:8] + "=" + text[8:],
    "encoded twice": lambda text: base64.b64encode(text.encode()).decode(),
    "percent-encoded twice": lambda text: quote(quote(text, safe=""), safe=""),
    "trailing data": lambda text: text + "AAAA",
    "trailing data after =": lambda text: text.rstrip("=") + "==AAAA",
    "another character": lambda text: "!" + text[1:],
    "a comma": lambda text: text + ",",
    "full width": lambda text: chr(ord(text[0]) + 0xFEE0) + text[1:],
    "quoted": lambda text: f'"{text}"',
    "hexadecimal": lambda text: base64.b64decode(text).hex() + "!",
    "a data URL": lambda text: "data:;base64," + text,
    "NUL": lambda text: text + "\0",
    "half a percent": lambda text: text + "%",
}


@pytest.mark.parametrize("variant", READABLE)
@pytest.mark.parametrize("field", ["encryptedData", "iv"])
def test_base64_is_read_as_phones_send_it(alice, field, variant):
    data = with_plus_and_slash(alice)
    data[field] = READABLE[variant](data[field])
    answer = alice.post("decrypt/", data)
    assert answer.json()["data"]["openGId"] == "tG"


@pytest.mark.parametrize("variant", UNREADABLE)
@pytest.mark.parametrize("field", ["encryptedData", "iv"])
def test_any_other_string_is_undecryptable(alice, field, variant):
    data = with_plus_and_slash(alice)
    data[field] = UNREADABLE[variant](data[field])
    for endpoint in ("me/userinfo/", "me/phone/", "decrypt/"):
        assert_error(alice.post(endpoint, data), "undecryptable")
