"""Message push: the vectors of WeChat and of others, and what becomes of them when they change."""

from __future__ import annotations

import base64
import hashlib
import json
import pathlib
import struct

import pytest
from Crypto.Cipher import AES
from hypothesis import given
from hypothesis import strategies as st

from wxauth.crypto.push import AES_KEY, decrypt, is_signed
from wxauth.testing import FakeWeChat
from wxauth.testing.push import encrypt
from wxauth.types import Secret

VECTORS = {
    row["name"]: row
    for row in json.loads(pathlib.Path(__file__).with_name("vectors.json").read_text("utf-8"))
}
SECURE = VECTORS["message_push_secure_mode_decrypt_official"]
REPLY = VECTORS["message_push_secure_mode_reply_official"]
#: Tencent's demo class, as WxJava carries it: the last character of its key has spare bits.
DEMO = {
    "key": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "token": "pamtest",
    "appid": "wxb11529c136998cb6",
    "random": b"aaaabbbbccccdddd",
    "message": "我是中文abcd123",
    "encrypted": (
        "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg=="
    ),
    "timestamp": "1409304348",
    "nonce": "xxxxxx",
    "signature": "82c962d39941aa48552f90ef55aa323dc620cc10",
}
#: The form of WeCom's check, which is encrypted (wechatpy).
WECOM = {
    "key": "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR",
    "token": "123456",
    "appid": "wx49f0ab532d5d035a",
    "message": "5927782489442352469",
    "encrypted": (
        "4ByGGj+sVCYcvGeQYhaKIk1o0pQRNbRjxybjTGblXrBaXlTXeOo1+bXFXDQQb1o6co6Yh9Bv41n7hOchLF6p+Q=="
    ),
    "timestamp": "1411443780",
    "nonce": "437374425",
    "signature": "dd6b9c95b495b3f7e2901bfbc76c664930ffdb96",
}
KEY, APPID = "t" * 43, "wx0000000000000001"


def make(message=b'{"a":1}', *, appid=APPID, key=KEY, pad=None, length=None):
    """As WeChat makes it, with whatever padding and length eve likes."""
    size = struct.pack(">I", len(message) if length is None else length)
    text = b"r" * 16 + size + message + appid.encode()
    count = 32 - len(text) % 32
    raw = base64.b64decode(key + "=")
    sealed = AES.new(raw, AES.MODE_CBC, iv=raw[:16]).encrypt(
        text + (bytes([count]) * count if pad is None else pad)
    )
    return base64.b64encode(sealed).decode()


def opened(encrypted, *keys, appid=APPID):
    return decrypt(encrypted, [Secret(key) for key in keys or (KEY,)], appid)


# -- vectors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["message_push_url_verification_official", "message_push_plain_mode_official",
     "push_signature_wechatpy"],
)  # fmt: skip
def test_wechats_own_signatures_hold_and_no_other_does(name):
    sent = VECTORS[name]["inputs"]
    token, parts = Secret(sent["token"]), (sent["timestamp"], sent["nonce"])
    right = sent["signature"]
    assert is_signed(right, token, *parts)
    for wrong in ("", right[:-1], right[:-1] + "x", right.upper(), right + "0", "é", "\ud800"):
        assert not is_signed(wrong, token, *parts)
    assert not is_signed(right, Secret("another"), *parts)
    assert not is_signed(right, token, "\ud800", parts[1])


def test_wechats_own_message_opens():
    sent, told = SECURE["inputs"], SECURE["expected"]
    encrypted = sent["body_json"]["Encrypt"]
    token = Secret(sent["token"])
    parts = (sent["timestamp"], sent["nonce"], encrypted)
    assert is_signed(sent["msg_signature"], token, *parts)
    # This one is right, too, and says nothing about the message.
    assert is_signed(sent["signature"], token, *parts[:2])
    assert not is_signed(sent["signature"], token, *parts)
    message = opened(encrypted, sent["encoding_aes_key"], appid=sent["appid"])
    assert message.decode() == told["msg"]


@pytest.mark.parametrize("vector", [DEMO, WECOM], ids=["Tencent's demo", "WeCom"])
def test_the_messages_of_others_open(vector):
    token, parts = Secret(vector["token"]), (vector["timestamp"], vector["nonce"])
    assert is_signed(vector["signature"], token, *parts, vector["encrypted"])
    message = opened(vector["encrypted"], vector["key"], appid=vector["appid"])
    assert message.decode() == vector["message"]


def test_the_fake_seals_as_wechat_does():
    sent = REPLY["inputs"]
    made = encrypt(
        sent["msg"].encode(), sent["appid"], sent["encoding_aes_key"], sent["random"].encode()
    )
    assert made == REPLY["expected"]["encrypt"]
    assert opened(made, sent["encoding_aes_key"], appid=sent["appid"]).decode() == sent["msg"]
    made = encrypt(DEMO["message"].encode(), DEMO["appid"], DEMO["key"], DEMO["random"])
    assert made == DEMO["encrypted"]


def test_the_fake_signs_as_wechat_does():
    sent = REPLY["inputs"]
    fake = FakeWeChat(clock=lambda: float(sent["timestamp"]))
    fake.add_app(sent["appid"], "s")
    fake.set_push_keys(sent["appid"], sent["token"], sent["encoding_aes_key"])
    made = fake.seal(
        sent["msg"].encode(), sent["appid"], nonce=sent["nonce"], random=sent["random"].encode()
    )
    assert made.query["msg_signature"] == REPLY["expected"]["msg_signature"]
    check = VECTORS["message_push_url_verification_official"]["inputs"]
    parts = sorted([check["token"], check["timestamp"], check["nonce"]])
    assert hashlib.sha1("".join(parts).encode()).hexdigest() == check["signature"]


# -- what is not acceptable --------------------------------------------------------------------


def test_what_is_made_here_opens_as_it_is():
    assert opened(make()) == b'{"a":1}'
    assert opened(make(b"")) == b""


@pytest.mark.parametrize("size", range(32))
def test_every_length_of_the_padding_opens(size):
    assert opened(make(b"m" * size)) == b"m" * size


@pytest.mark.parametrize("length", range(1, 33))
def test_each_byte_of_the_padding_is_looked_at(length):
    # 32 bytes of a message more or less give every length of the padding.
    size = (32 - 16 - 4 - len(APPID) - length) % 32
    for place in range(length):
        pad = bytearray([length]) * length
        pad[place] ^= 1
        assert opened(make(b"m" * size, pad=bytes(pad))) is None, place


@pytest.mark.parametrize("count", [0, 33, 64, 255])
def test_a_padding_of_no_such_length_is_refused(count):
    assert opened(make(pad=bytes([count]) * (32 - (16 + 4 + 7 + len(APPID)) % 32))) is None


def test_a_padding_of_a_block_more_is_refused():
    natural = 32 - (16 + 4 + 7 + len(APPID)) % 32
    assert opened(make(pad=bytes([natural]) * natural)) is not None
    assert opened(make(pad=bytes([natural + 32]) * (natural + 32))) is None


@pytest.mark.parametrize("length", [0, 6, 8, 25, 26, 100, 2**31, 2**32 - 1])
def test_the_length_must_be_that_of_the_message(length):
    assert opened(make(length=length)) is None


@pytest.mark.parametrize("appid", ["wx0000000000000002", "", APPID[:-1], APPID + "1", "é"])
def test_a_message_for_another_app_is_refused(appid):
    assert opened(make(appid=appid)) is None


def test_a_message_under_another_key_is_refused_and_an_older_one_may_stand_beside():
    encrypted = make(key="o" * 43)
    assert opened(encrypted) is None
    assert opened(encrypted, KEY, "o" * 43) == opened(encrypted, "o" * 43, KEY) == b'{"a":1}'
    assert opened(encrypted, *[]) is None
    assert decrypt(encrypted, [], APPID) is None


def test_what_is_no_whole_number_of_blocks_in_base64_is_refused():
    right = make()
    for raw in (b"", b"x" * 15, b"x" * 16, b"x" * 17, b"x" * 32):
        assert opened(base64.b64encode(raw).decode()) is None
    for text in (
        right[:40] + "\n" + right[40:], right + "\n", " " + right, right.rstrip("="), right + "=",
        right.replace("A", "-"), f"{right[:-4]}é", "=", "=" * 4, "\ud800",
    ):  # fmt: skip
        assert text == right or opened(text) is None


def test_the_spare_bits_of_a_key_do_not_matter():
    other = DEMO["key"][:-1] + "E"
    assert AES_KEY.fullmatch(other)
    assert opened(DEMO["encrypted"], other, appid=DEMO["appid"]) is not None


@given(st.binary(max_size=200) | st.builds(base64.b64encode, st.binary(max_size=200)))
def test_whatever_is_sent_nothing_is_raised(sent):
    text = sent.decode("utf-8", "surrogateescape")
    assert decrypt(text, [Secret(KEY)], APPID) is None
    assert not is_signed(text, Secret("t"), text, text)
