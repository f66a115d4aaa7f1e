"""Forging a phone number through an endpoint that decrypts: done against a bad one, not ours.

CBC without a signature gives whoever is told about the padding everything: they find out what any
block decrypts to, byte by byte, and choose the block before it such that the text is theirs. The
session_key is never needed. (protocol 2.3, 3.1)
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from Crypto.Cipher import AES

from tests.api.contract import assert_error
from tests.api.phone import APP_ONE, Phone
from wxauth.models import OpenId, Person
from wxauth.testing.phone import compact

BLOCK = 16
NUMBER = "13900139000"

#: Whether this ciphertext, with this iv, was padded well.
Oracle = Callable[[bytes, bytes], bool]


class NothingLearntError(Exception):
    """All 256 values of a byte looked the same."""


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def forge(text: bytes, oracle: Oracle) -> dict[str, str]:
    """``encryptedData`` and ``iv`` that decrypt to this text, made from the last block on."""
    length = BLOCK - len(text) % BLOCK
    text += bytes([length]) * length
    blocks = [os.urandom(BLOCK)]
    for end in range(len(text), 0, -BLOCK):
        blocks.insert(0, xor(decrypt_block(blocks[0], oracle), text[end - BLOCK : end]))
    return {
        "iv": base64.b64encode(blocks[0]).decode(),
        "encryptedData": base64.b64encode(b"".join(blocks[1:])).decode(),
    }


def decrypt_block(block: bytes, oracle: Oracle) -> bytes:
    """What the block decrypts to, before anything is added to it."""
    known = b""
    for length in range(1, BLOCK + 1):
        tail = xor(known, bytes([length]) * len(known))
        for value in range(256):
            iv = bytes(BLOCK - length) + bytes([value]) + tail
            # A longer padding may be there by chance: it does not survive a change in front of it.
            if oracle(iv, block) and (length > 1 or oracle(bytes([*iv[:14], 1, iv[15]]), block)):
                known = bytes([value ^ length]) + known
                break
        else:
            raise NothingLearntError
    return known


def phone_info() -> bytes:
    """What alice would like WeChat to say about her."""
    mark = {"timestamp": int(time.time()), "appid": APP_ONE}
    info = {"purePhoneNumber": NUMBER, "countryCode": "86", "watermark": mark}
    return compact(info).encode()


def chatty(session_key: str) -> tuple[Oracle, Counter[str]]:
    """A decryptor as libraries have it: it says what was wrong."""
    key, said = base64.b64decode(session_key), Counter()

    def decrypt(iv: bytes, ciphertext: bytes) -> str:
        padded = AES.new(key, AES.MODE_CBC, iv=iv).decrypt(ciphertext)
        length = padded[-1]
        if not 1 <= length <= BLOCK or padded[-length:] != bytes([length]) * length:
            return "invalid padding"
        try:
            json.loads(padded[:-length])
        except ValueError:
            return "invalid JSON"
        return "ok"

    def oracle(iv: bytes, ciphertext: bytes) -> bool:
        answer = decrypt(iv, ciphertext)
        said[answer] += 1
        return answer != "invalid padding"

    return oracle, said


class Ours:
    """The same question to our own server: does anything at all differ from another refusal?"""

    def __init__(self, phone: Phone, url: str) -> None:
        self.phone = phone
        self.server = urlsplit(url).netloc
        self.seen: Counter[tuple[int, bytes, tuple[tuple[str, str], ...]]] = Counter()

    def send(self, data: dict[str, str]) -> tuple[int, bytes]:
        headers = {
            "Authorization": f"Bearer {self.phone.token}",
            "Content-Type": "application/json",
        }
        # A connection each: on a kept one, Nagle's algorithm would cost 40 ms a request.
        connection = http.client.HTTPConnection(self.server, timeout=30)
        connection.request("POST", "/api/wxauth/me/phone/", json.dumps(data), headers)
        with contextlib.closing(connection), connection.getresponse() as answer:
            body = answer.read()
        shown = tuple(
            (name, value)
            for name, value in answer.getheaders()
            if name not in ("Date", "X-Request-ID")
        )
        if json.loads(body).get("code") == "session_key_missing":
            # The budget is spent: whoever gets another key from WeChat gets another ten.
            self.phone.fake.rotate_session_key(self.phone.person)
            self.phone.log_in()
            return self.send(data)
        self.seen[answer.status, body, shown] += 1
        return answer.status, body

    def oracle(self, iv: bytes, ciphertext: bytes) -> bool:
        texts = {"iv": iv, "encryptedData": ciphertext}
        self.send({name: base64.b64encode(data).decode() for name, data in texts.items()})
        return len(self.seen) > 1


@pytest.mark.django_db
def test_a_number_is_forged_through_a_decryptor_that_says_what_was_wrong(alice):
    oracle, said = chatty(alice.fake.session_key("alice"))
    data = forge(phone_info(), oracle)
    assert said["invalid padding"] > 10_000  # This is what the budget of ten is for.
    # And nobody can tell: it is as good as WeChat's own.
    answer = alice.post("me/phone/", data)
    assert answer.status_code == 200
    assert answer.json()["phone"] == f"+86{NUMBER}"


@pytest.mark.django_db(transaction=True)
@pytest.mark.waits
def test_nothing_is_learnt_from_ours(fake_wechat, live_server):
    alice = Phone(fake_wechat, "alice")
    ours = Ours(alice, live_server.url)
    with pytest.raises(NothingLearntError):
        forge(phone_info(), ours.oracle)
    assert ours.seen.total() == 256
    ((status, body, _),) = ours.seen
    assert (status, json.loads(body)["code"]) == (400, "undecryptable")
    assert Person.objects.get().phone_hash is None
    # Ten attempts a key, and each key is another visit to WeChat.
    assert len(fake_wechat.calls) == 1 + 25


@pytest.mark.django_db(transaction=True)
def test_the_attacker_needs_another_key_for_every_ten_attempts(fake_wechat, live_server):
    alice = Phone(fake_wechat, "alice")
    openid = OpenId.objects.get()
    ours = Ours(alice, live_server.url)
    for _ in range(10):
        ours.send({"iv": "!", "encryptedData": "!"})
    openid.refresh_from_db()
    assert openid.failures == 10
    assert len(fake_wechat.calls) == 1
    ours.send({"iv": "!", "encryptedData": "!"})
    openid.refresh_from_db()
    assert openid.failures == 1
    assert len(fake_wechat.calls) == 2


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["logging in", "with every token", "as a new user"])
@pytest.mark.waits
def test_one_key_is_tried_ten_times_whatever_the_attacker_does_in_between(alice, how):
    """The attack: WeChat hands out the same session_key at each login, as it may.

    She forges a hundred and fifty pieces of data for one key. In between she logs in; or keeps
    the tokens of all her logins and uses each in turn; or removes her account and comes again.
    """
    phones, judged = [alice], 0
    for attempt in range(150):
        answer = phones[attempt % len(phones)].post("me/phone/", {"iv": "!", "encryptedData": "!"})
        judged += answer.json()["code"] == "undecryptable"
        if attempt % 10 == 9 or how == "with every token":
            if how == "as a new user":
                Person.objects.get().user.delete()
            if len(phones) < 15:
                phone = Phone(alice.fake, "alice")
                phones = [*phones, phone] if how == "with every token" else [phone]
    assert judged == 10
    phone = Phone(alice.fake, "alice")
    assert_error(phone.post("me/phone/", alice.fake.phone_data("alice")), "session_key_missing")
