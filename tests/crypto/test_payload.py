from __future__ import annotations

import base64
import contextlib
import json
import pathlib
import traceback
from urllib.parse import quote

import pytest
from Crypto.Cipher import AES
from hypothesis import given, settings
from hypothesis import strategies as st

from wxauth.crypto.payload import (
    Encrypted,
    check_watermark,
    decode_base64,
    decrypt,
    parse,
    raw_data_matches,
)
from wxauth.exceptions import Undecryptable
from wxauth.types import Secret

VECTORS = json.loads(pathlib.Path(__file__).with_name("vectors.json").read_text("utf-8"))
KEY = bytes(range(16))
SESSION_KEY = Secret(base64.b64encode(KEY).decode())
IV = bytes(range(16, 32))


def vectors(*kinds):
    return [pytest.param(v, id=v["name"]) for v in VECTORS if v["kind"] in kinds]


def open_vector(vector):
    inputs = vector["inputs"]
    encrypted = parse(inputs["encrypted_data"], inputs["iv"])
    return decrypt(encrypted, Secret(inputs["session_key"]))


def encrypt(plaintext, *, pad=None):
    """As WeChat does, with any padding that eve likes."""
    length = 16 - len(plaintext) % 16
    padded = plaintext + (bytes([length]) * length if pad is None else pad)
    return Encrypted(AES.new(KEY, AES.MODE_CBC, iv=IV).encrypt(padded), IV)


def refused(call, *args, **kwargs):
    """The call fails as every other one does, and says nothing."""
    with pytest.raises(Undecryptable) as caught:
        call(*args, **kwargs)
    error = caught.value
    assert type(error) is Undecryptable
    assert error.args == Undecryptable().args
    assert error.__cause__ is error.__context__ is None
    return error


# -- vectors ---------------------------------------------------------------------------------------


def test_no_vector_is_somebodys_own_data():
    assert not [v["name"] for v in VECTORS if v.get("personal_data")]


@pytest.mark.parametrize("vector", vectors("encrypted_data"))
def test_what_wechat_encrypts_is_read(vector):
    assert open_vector(vector) == vector["expected"]["json"]


@pytest.mark.parametrize("vector", vectors("encrypted_data_negative"))
def test_what_must_not_be_read_is_not(vector):
    if vector["expected"]["error"] == "watermark_appid_mismatch":
        data = open_vector(vector)
        assert data == vector["expected"]["json"]
        appid = vector["inputs"]["appid"]
        refused(check_watermark, data, appid=appid, required=False, max_age=0, now=0)
    else:
        refused(open_vector, vector)


@pytest.mark.parametrize("vector", vectors("encrypted_data_malleability"))
def test_eve_flips_a_bit_and_nobody_notices(vector):
    """CBC at work, not a wish: the reason why decrypted data never says who somebody is."""
    text = json.dumps(open_vector(vector), separators=(",", ":"))
    assert text.startswith(vector["expected"]["plaintext_first_16"])


@pytest.mark.parametrize("vector", vectors("raw_data_signature"))
def test_the_signature_of_raw_data_holds_for_this_text_only(vector):
    inputs, signature = vector["inputs"], vector["expected"]["signature"]
    key = Secret(inputs["session_key"])
    assert raw_data_matches(inputs["raw_data"], signature, key)
    assert not raw_data_matches(inputs["raw_data"] + " ", signature, key)
    assert not raw_data_matches(inputs["raw_data"], signature[:-1], key)
    assert not raw_data_matches(inputs["raw_data"], signature, SESSION_KEY)


@pytest.mark.parametrize("odd", ["\ud800", "é", "", "\0", "微信"])
def test_an_odd_signature_or_text_does_not_match(odd):
    assert raw_data_matches("{}", odd, SESSION_KEY) is False
    assert raw_data_matches(odd, "0" * 40, SESSION_KEY) is False


# -- base64 ----------------------------------------------------------------------------------------

#: Has "+", "/" and two "=" in its base64.
RAW = b"\xfb\xef\xbe\xff\xff\xff\x01"
TEXT = "++++////AQ=="

READ = {
    "standard": TEXT,
    "blank for plus": "    ////AQ==",
    "url-safe": "----____AQ==",
    "both alphabets": "+-+-/_/_AQ==",
    "no padding": "++++////AQ",
    "half the padding": "++++////AQ=",
    "percent-encoded": quote(TEXT, safe=""),
    "percent-encoded, lower case": quote(TEXT, safe="").lower().replace("aq", "AQ"),
    "percent-encoded in part": "++++////AQ%3D%3D",
    "percent-encoded blanks": "%20%20%20%20////AQ==",
    "wrapped": "++++\r\n////\nAQ==\r\n",
    "tabs": "\t++++\t////AQ==",
    "spare bits": "++++////AR==",
}

REFUSED = {
    "surplus padding": "++++////AQ===",
    "padding on a whole": "++++////=",
    "one padding too many": "++++////AQE==",
    "twice percent-encoded": quote(quote(TEXT, safe=""), safe=""),
    "percent and nothing": "++++////AQ%",
    "percent and no hex": "++++////AQ%zz",
    "something after the padding": TEXT + "AAAA",
    "a blank after the padding": TEXT + " ",
    "padding inside": "++==////AQ==",
    "only padding": "==",
    "a single character": "A",
    "five characters": "AAAAA",
    "a comma": "++++,///AQ==",
    "NUL": "++++\0///AQ==",
    "form feed": "++++\x0c////AQ==",
    "beyond ASCII": "++++é///AQ==",
    "full-width": "＋+++////AQ==",
    "half a character": "++++\ud800///AQ==",
    "percent-encoded UTF-8": "%E5%BE%AE",
}


@pytest.mark.parametrize("text", READ.values(), ids=READ)
def test_base64_as_phones_send_it_is_read(text):
    assert decode_base64(text) == RAW


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_other_base64_is_refused(text):
    refused(decode_base64, text)


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.binary(max_size=80), st.sampled_from(["plain", "blank", "url-safe", "bare", "percent"]))
def test_every_variant_of_every_bytes_is_read(raw, variant):
    text = base64.b64encode(raw).decode()
    text = {
        "plain": text,
        "blank": text.replace("+", " "),
        "url-safe": base64.urlsafe_b64encode(raw).decode(),
        "bare": text.rstrip("="),
        "percent": quote(text, safe=""),
    }[variant]
    assert decode_base64(text) == raw


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_bytes_or_refused(text):
    with contextlib.suppress(Undecryptable):
        assert isinstance(decode_base64(text), bytes)


@pytest.mark.parametrize(("size", "iv_size"), [(0, 16), (15, 16), (17, 16), (16, 15), (16, 17)])
def test_wrong_lengths_are_refused(size, iv_size):
    encode = base64.b64encode
    refused(parse, encode(bytes(size)).decode(), encode(bytes(iv_size)).decode())


# -- decryption ------------------------------------------------------------------------------------


@settings(max_examples=50, derandomize=True, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=10),
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20),
        max_size=5,
    )
)
def test_what_was_encrypted_is_what_is_read(data):
    encrypted = encrypt(json.dumps(data, ensure_ascii=False).encode())
    text, iv = (base64.b64encode(b).decode() for b in (encrypted.ciphertext, encrypted.iv))
    assert decrypt(parse(text, iv), SESSION_KEY) == data


def test_a_nickname_with_a_raw_control_character_is_read():
    assert decrypt(encrypt(b'{"nickName":"a\x01\n"}'), SESSION_KEY) == {"nickName": "a\x01\n"}


@pytest.mark.parametrize("size", range(16))
def test_every_length_of_padding_is_understood(size):
    body = b'{"a":"' + b"x" * size + b'"}'
    assert decrypt(encrypt(body), SESSION_KEY) == {"a": "x" * size}


OBJECT = b'{"a":12345678}  '  # one block

PADDINGS = {
    "none": b"",
    "zero": bytes(16),
    "17": bytes([17]) * 16,
    "32 as in message push": bytes([32]) * 32,
    "255": bytes([255]) * 16,
    "one byte differs": b"\x0f" + bytes([16]) * 15,
    "only the last byte": bytes(14) + b"\x20\x02",
    "second of three": bytes(13) + b"\x03\x20\x03",
}


@pytest.mark.parametrize("pad", PADDINGS.values(), ids=PADDINGS)
def test_padding_that_is_none_is_refused(pad):
    refused(decrypt, encrypt(OBJECT, pad=pad), SESSION_KEY)


def test_nothing_but_padding_is_refused():
    refused(decrypt, encrypt(b""), SESSION_KEY)


PLAINTEXTS = {
    "not UTF-8": b'{"a":"\xff"}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "BOM": b'\xef\xbb\xbf{"a":1}',
    "not JSON": b"{'a':1}",
    "two objects": b'{"a":1}{"a":1}',
    "a list": b'[{"a":1}]',
    "a number": b"1",
    "null": b"null",
    "NaN": b'{"a":NaN}',
    "minus infinity": b'{"a":-Infinity}',
    "infinity by exponent": b'{"a":[1e999]}',
    "half a character": b'{"a":"\\ud800"}',
    "half a character in a key": b'{"a":{"\\udfff":1}}',
    "21 digits": b'{"a":' + b"1" * 21 + b"}",
    "5000 digits": b'{"a":' + b"1" * 5000 + b"}",
    "21 levels": b'{"a":' * 21 + b"1" + b"}" * 21,
    "an abyss of objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "an abyss of lists": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("plaintext", PLAINTEXTS.values(), ids=PLAINTEXTS)
def test_what_is_no_proper_json_object_is_refused(plaintext):
    refused(decrypt, encrypt(plaintext), SESSION_KEY)


def test_20_levels_and_a_whole_emoji_are_fine():
    decrypt(encrypt(b'{"a":' * 20 + b'"\\ud83d\\ude00"' + b"}" * 20), SESSION_KEY)


@pytest.mark.parametrize(
    "key", ["", "AAAA", "not base64", "\ud800", base64.b64encode(KEY * 2).decode()]
)
def test_a_malformed_session_key_is_refused_like_everything(key):
    refused(decrypt, encrypt(OBJECT), Secret(key))


def test_a_refusal_holds_neither_key_nor_plaintext():
    encrypted = encrypt(b'{"phoneNumber":"13800138000","a":NaN}')
    errors = [
        refused(decrypt, encrypted, SESSION_KEY),
        refused(decrypt, encrypted, Secret("13800!")),
    ]
    data = {"phoneNumber": "13800138000"}
    errors.append(refused(check_watermark, data, appid="wx1", required=True, max_age=0, now=0))
    for error in errors:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename != __file__:
                assert "13800" not in repr(frame.f_locals)
                assert SESSION_KEY.reveal() not in repr(frame.f_locals)


# -- watermark -------------------------------------------------------------------------------------

NOW = 1_700_000_000.5


def check(watermark, *, required=True, max_age=300):
    check_watermark(
        {"watermark": watermark}, appid="wx1", required=required, max_age=max_age, now=NOW
    )


@pytest.mark.parametrize("timestamp", [1_700_000_000, 1_699_999_701, 1_700_000_300])
def test_a_fresh_watermark_of_this_app_passes(timestamp):
    check({"appid": "wx1", "timestamp": timestamp})


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    "watermark",
    [
        None,
        [],
        "wx1",
        {},
        {"timestamp": 1_700_000_000},
        *(
            {"appid": appid, "timestamp": 1_700_000_000}
            for appid in ("wx2", "", "WX1", "wx1 ", "wx1\ud800", None, 1, True, ["wx1"], {})
        ),
        {"appid": "wx1"},
        *(
            {"appid": "wx1", "timestamp": timestamp}
            for timestamp in (
                1_699_999_700,
                1_700_000_301,
                0,
                -1,
                10**400,
                1_700_000_000_000,
                1_700_000_000.0,
                "1700000000",
                True,
                None,
                [],
            )
        ),
    ],
)
def test_any_other_watermark_is_refused(watermark, required):
    refused(check, watermark, required=required)


def test_data_without_watermark_passes_unless_one_is_required():
    check_watermark({}, appid="wx1", required=False, max_age=300, now=NOW)
    refused(check_watermark, {}, appid="wx1", required=True, max_age=300, now=NOW)


def test_age_is_no_question_when_switched_off():
    check({"appid": "wx1", "timestamp": 1}, max_age=0)
    refused(check, {"appid": "wx2", "timestamp": 1}, max_age=0)
