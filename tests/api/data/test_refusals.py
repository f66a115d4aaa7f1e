"""me/userinfo/, me/phone/, decrypt/: what is read, and that every refusal looks the same."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from Crypto.Cipher import AES

from tests.api.contract import assert_error
from tests.api.phone import APP_ONE, APP_TWO, Phone
from tests.statements import capture_statements
from wxauth.crypto import payload
from wxauth.models import FailedKey, Login
from wxauth.testing.phone import compact

pytestmark = pytest.mark.django_db

ENDPOINTS = ["me/userinfo/", "me/phone/", "decrypt/"]


def mark(**changes: Any) -> dict[str, Any]:
    return {"watermark": {"appid": APP_ONE, "timestamp": int(time.time()), **changes}}


def raw(phone: Phone, padded: bytes, iv: bytes = b"i" * 16) -> dict[str, str]:
    """Encrypted just as it is, padding and all."""
    key = base64.b64decode(phone.fake.session_key(phone.person, phone.appid))
    return {
        "encryptedData": base64.b64encode(
            AES.new(key, AES.MODE_CBC, iv=iv).encrypt(padded)
        ).decode(),
        "iv": base64.b64encode(iv).decode(),
    }


GOOD = {"nickName": "x", "purePhoneNumber": "13800138001", "countryCode": "86"}


def plaintext(text: str | bytes) -> Callable[[Phone], dict[str, str]]:
    return lambda alice: alice.encrypt(text.encode() if isinstance(text, str) else text)


def marked(inside: str) -> Callable[[Phone], dict[str, str]]:
    """JSON that is right in everything but one thing."""
    watermark = compact(mark())[1:-1]
    return plaintext(compact(GOOD)[:-1] + f',"x":{inside},{watermark}}}')


def obj(**data: Any) -> Callable[[Phone], dict[str, str]]:
    return lambda alice: alice.encrypt({**GOOD, **data})


def changed(**changes: Any) -> Callable[[Phone], dict[str, str]]:
    return lambda alice: {**alice.encrypt(GOOD), **changes}


def shortened(by: int) -> Callable[[Phone], dict[str, str]]:
    def make(alice: Phone) -> dict[str, str]:
        data = alice.encrypt(GOOD)
        data["encryptedData"] = base64.b64encode(
            base64.b64decode(data["encryptedData"])[:-by]
        ).decode()
        return data

    return make


def padded(padding: bytes) -> Callable[[Phone], dict[str, str]]:
    """The right JSON, and a wrong padding after it."""

    def make(alice: Phone) -> dict[str, str]:
        text = compact({**GOOD, **mark()}).encode()
        text = text[:-1] + b" " * (-(len(text) + len(padding)) % 16) + b"}"
        return raw(alice, text + padding)

    return make


MALFORMED: dict[str, Callable[[Phone], dict[str, str]]] = {
    "nothing": lambda alice: {"encryptedData": "", "iv": ""},
    "no data": changed(encryptedData=""),
    "no iv": changed(iv=""),
    "a NUL": changed(encryptedData="\0"),
    "not base64": changed(encryptedData="!!!!"),
    "one character": changed(encryptedData="A"),
    "15 bytes": changed(encryptedData=base64.b64encode(b"x" * 15).decode()),
    "17 bytes": changed(encryptedData=base64.b64encode(b"x" * 17).decode()),
    "16 bytes of anything": changed(encryptedData=base64.b64encode(b"x" * 16).decode()),
    "24 kilobytes of anything": changed(encryptedData="A" * 24_004),
    "a byte missing": shortened(1),
    "a block missing": shortened(16),
    "an iv of 15 bytes": changed(iv=base64.b64encode(b"x" * 15).decode()),
    "an iv of 17 bytes": changed(iv=base64.b64encode(b"x" * 17).decode()),
    "an iv of 32 bytes": changed(iv=base64.b64encode(b"x" * 32).decode()),
    "another iv": changed(iv=base64.b64encode(b"x" * 16).decode()),
    "an endless iv": changed(iv="A" * 10_000),
    "data and iv swapped": lambda alice: dict(
        zip(("iv", "encryptedData"), alice.encrypt(GOOD).values(), strict=True)
    ),
    "bob's key": lambda alice: alice.fake.encrypt(GOOD, "bob"),
    "the key of another app": lambda alice: alice.fake.encrypt(
        {**GOOD, **mark()}, "alice", APP_TWO
    ),
    "padding 0": padded(b"\0" * 16),
    "padding 17": padded(b"\x11" * 17),
    "padding 32": padded(b"\x20" * 32),
    "padding 255": padded(b"\xff"),
    "uneven padding": padded(b"\x01\x03\x03"),
    "no padding at all": padded(b""),
    "padding alone": lambda alice: raw(alice, b"\x10" * 16),
    "bad UTF-8": plaintext(b'{"nickName":"\xff"}'),
    "UTF-16": plaintext(compact({**GOOD}).encode("utf-16")),
    "a BOM": lambda alice: alice.encrypt(b"\xef\xbb\xbf" + compact({**GOOD, **mark()}).encode()),
    "no JSON": plaintext("hello"),
    "half a JSON": plaintext(compact({**GOOD, **mark()})[:-1]),
    "JSON and more": plaintext(compact({**GOOD, **mark()}) + "x"),
    "an array": plaintext("[]"),
    "a text": plaintext('"x"'),
    "null": plaintext("null"),
    "an empty object": plaintext("{}"),
    "NaN": marked("NaN"),
    "Infinity": marked("-Infinity"),
    "1e999": marked("1e999"),
    "5,000 digits": marked("9" * 5000),
    "a lone surrogate": marked('"\\ud800"'),
    "depth 100": marked("[" * 100 + "]" * 100),
    "depth 10,000": marked("[" * 10_000),
    "no watermark": lambda alice: alice.encrypt(GOOD, watermark=False),
    "watermark null": obj(watermark=None),
    "watermark a text": obj(watermark=APP_ONE),
    "watermark a list": obj(watermark=[mark()["watermark"]]),
    "watermark empty": obj(watermark={}),
    "of another app": lambda alice: obj(**mark(appid=APP_TWO))(alice),
    "of an app in capitals": lambda alice: obj(**mark(appid=APP_ONE.upper()))(alice),
    "appid missing": lambda alice: obj(watermark={"timestamp": int(time.time())})(alice),
    "appid a number": lambda alice: obj(**mark(appid=1))(alice),
    "appid a list": lambda alice: obj(**mark(appid=[APP_ONE]))(alice),
    "appid null": lambda alice: obj(**mark(appid=None))(alice),
    "timestamp missing": obj(watermark={"appid": APP_ONE}),
    "timestamp null": lambda alice: obj(**mark(timestamp=None))(alice),
    "timestamp true": lambda alice: obj(**mark(timestamp=True))(alice),
    "timestamp a text": lambda alice: obj(**mark(timestamp=str(int(time.time()))))(alice),
    "timestamp a float": lambda alice: obj(**mark(timestamp=time.time()))(alice),
    "timestamp in milliseconds": lambda alice: obj(**mark(timestamp=int(time.time() * 1000)))(
        alice
    ),
    "timestamp 0": lambda alice: obj(**mark(timestamp=0))(alice),
    "timestamp huge": lambda alice: obj(**mark(timestamp=10**18))(alice),
    "stale": lambda alice: obj(**mark(timestamp=int(time.time()) - 310))(alice),
    "from the future": lambda alice: obj(**mark(timestamp=int(time.time()) + 310))(alice),
    "openId of bob": lambda alice: obj(openId=alice.fake.person("bob").openid(APP_ONE))(alice),
    "openId in capitals": lambda alice: obj(
        openId=alice.fake.person("alice").openid(APP_ONE).upper()
    )(alice),
    "openId null": obj(openId=None),
    "openId a list": obj(openId=[]),
    "openId empty": obj(openId=""),
}


def visible(answer: Any) -> tuple[int, bytes, dict[str, str]]:
    """All that a caller can see, but what differs by nature."""
    headers = {k: v for k, v in answer.items() if k not in ("X-Request-ID", "Date")}
    return answer.status_code, answer.content, headers


def shapes(statements: list[str]) -> list[str]:
    """The statements without the digest of what was sent, and the time of day.

    Where PostgreSQL takes many rows, each column is an array: ``'{…}'``.
    """
    variable = r"'[\w-]{43}'|'\d{4}-[^']*'|'\{[^']*\}'"
    return [re.sub(variable, "?", statement) for statement in statements]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_data_that_is_spoilt_below_is_good(alice, endpoint):
    assert alice.post(endpoint, alice.encrypt(GOOD)).status_code == 200
    assert alice.post(endpoint, obj(**mark())(alice)).status_code == 200
    assert alice.post(endpoint, marked("1")(alice)).status_code == 200
    assert alice.post(endpoint, padded(b"\x03" * 3)(alice)).status_code == 200


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize(
    "endpoint",
    [pytest.param(path, marks=pytest.mark.waits) for path in ENDPOINTS[:-1]] + ENDPOINTS[-1:],
)
def test_every_refusal_is_the_same_to_the_byte(alice, endpoint, name):
    """A caller who can tell a padding error from a JSON error can forge data block by block."""
    with capture_statements() as usual:
        wrong_key = visible(alice.post("decrypt/", alice.fake.encrypt(GOOD, "eve")))
    data = MALFORMED[name](alice)
    FailedKey.objects.all().delete()
    with capture_statements() as statements:
        answer = alice.post(endpoint, data)
    assert_error(answer, "undecryptable")
    assert visible(answer)[:2] == wrong_key[:2]
    headers = {**visible(answer)[2], "Allow": ""}
    assert headers == {**wrong_key[2], "Allow": ""}
    assert shapes(statements) == shapes(usual)
    me = alice.me()
    assert (me["nickname"], me["phone"]) == (None, None)


@pytest.fixture
def decryptions(monkeypatch):
    """How often AES was asked to decrypt somebody's data."""
    asked = []

    def new(*args, **kwargs):
        asked.append(args)
        return AES.new(*args, **kwargs)

    counted = SimpleNamespace(new=new, MODE_CBC=AES.MODE_CBC)
    monkeypatch.setattr(payload, "AES", counted)
    return asked


#: Not base64, or not of whole blocks: the sender knows that as well as we do.
NO_CIPHERTEXT = {
    "nothing", "no data", "no iv", "a NUL", "not base64", "one character", "15 bytes", "17 bytes",
    "24 kilobytes of anything", "a byte missing", "an iv of 15 bytes", "an iv of 17 bytes",
    "an iv of 32 bytes", "an endless iv", "data and iv swapped",
}  # fmt: skip


@pytest.mark.waits
def test_every_refusal_is_the_same_work(alice, decryptions):
    """Three session_keys are tried, each to the end, whichever of them fits and however far."""
    keys = [alice.fake.session_key("alice")]
    for _ in range(2):
        keys.append(alice.fake.rotate_session_key("alice"))
        alice.log_in()
    used = alice.encrypt(GOOD)
    assert alice.post("decrypt/", used).status_code == 200
    work, statements = {}, {}
    for position, key in enumerate(keys):
        alice.fake.set_session_key(key, "alice")
        for name, make in {**MALFORMED, "used before": lambda alice: used}.items():
            FailedKey.objects.all().delete()
            data = make(alice)
            decryptions.clear()
            with capture_statements() as run:
                assert_error(alice.post("me/phone/", data), "undecryptable")
            work[position, name] = len(decryptions)
            statements[position, name] = tuple(shapes(run))
    assert len(work) > 3 * 40
    assert {name for (_, name), count in work.items() if not count} == NO_CIPHERTEXT
    assert {count for count in work.values() if count} == {3}
    assert len(set(statements.values())) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        {"signature": "0" * 40},
        {"signature": ""},
        {"rawData": ""},
        {"rawData": "{}"},
        {"signature": "ÿ" * 40},
    ],
    ids=repr,
)
def test_a_signature_that_does_not_fit_is_one_of_them(alice, spoil):
    wrong_key = alice.post("me/userinfo/", alice.fake.encrypt(GOOD, "eve"))
    answer = alice.post("me/userinfo/", {**alice.user_info(real=True), **spoil})
    assert visible(answer) == visible(wrong_key)
    assert alice.me()["nickname"] is None


def test_without_a_session_key_there_is_nothing_to_read_with(alice):
    Login.objects.update(sealed_session_key=None)
    for endpoint in ENDPOINTS:
        assert_error(alice.post(endpoint, alice.encrypt(GOOD)), "session_key_missing")


def test_a_session_key_that_no_configured_key_opens_is_missing_and_logged(alice, configure, caplog):
    data = alice.encrypt(GOOD)
    configure(ENCRYPTION_KEYS=["YW5vdGhlciBrZXkgb2YgMzIgcmFuZG9tIGJ5dGVzISE="])
    assert_error(alice.post("decrypt/", data), "session_key_missing")
    assert "cannot be unsealed" in caplog.text
