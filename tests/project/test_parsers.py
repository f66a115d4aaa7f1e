"""Every parser of what others send: it answers, or refuses in the words that it declares.

PARSER_RUNS says how many inputs each is given; beyond the few of every day they are new each time.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import hypothesis
import pytest
from django.conf import settings
from django.test import RequestFactory, override_settings
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from PIL import Image
from rest_framework.request import Request

from wxauth import strict_json, strict_xml
from wxauth.api import device, limits, parsers
from wxauth.api.errors import PayloadTooLarge
from wxauth.crypto import payload, push
from wxauth.crypto.keyring import Keyring, Unsealable, generate_key
from wxauth.exceptions import InvalidRequest, Undecryptable
from wxauth.services.profile import phone, pictures
from wxauth.services.push import messages, personal_data
from wxauth.testing import FakeWeChat
from wxauth.testing.cipher import encrypt
from wxauth.testing.push import encrypt as seal
from wxauth.testing.push import to_xml
from wxauth.types import E164, Secret
from wxauth.wechat import answers

RUNS = int(os.environ.get("PARSER_RUNS", "40"))
KEY = Secret(base64.b64encode(b"k" * 16).decode())
IV = b"i" * 16
KEYRING = Keyring([generate_key()])
PLACE = {"label": "login.session_key", "row": "alice"}
WATERMARK = {"appid": "wx0000000000000001", "timestamp": 1_700_000_000}
PHONE = {
    "phoneNumber": "13800138000",
    "purePhoneNumber": "13800138000",
    "countryCode": "86",
    "watermark": WATERMARK,
}
#: Bytes that mean something to one parser or another.
SIGNS = (
    b"", b"\0", b"\xff", b'"', b"\\", b"\\u", b"\\ud800", b"{", b"}", b"[", b"]", b":", b",", b"-",
    b"--", b"=", b"%", b"%0", b"+", b"&", b";", b"\r\n", b"\n\n", b".", b"/", b"e999", b"NaN",
    b"9" * 30, b"::", b"0x", b"\xed\xa0\x80", "中".encode(), "٣".encode(),
)  # fmt: skip


@dataclass(frozen=True)
class Parser:
    read: Callable[[bytes], object]
    #: What it says that it raises.
    declared: tuple[type[Exception], ...]
    #: Good inputs, to be spoilt.
    seeds: tuple[bytes, ...]


def read_encrypted(sent: bytes) -> None:
    """``encryptedData`` and ``iv``, to the end."""
    data, _newline, iv = sent.decode("utf-8", "surrogateescape").partition("\n")
    opened = payload.decrypt(payload.parse(data, iv), KEY)
    assert isinstance(opened, dict)
    check_watermark(opened)


def read_plaintext(sent: bytes) -> None:
    """What is inside, chosen by whoever has the key."""
    encrypted = payload.Encrypted(encrypt(sent, KEY.reveal(), IV), IV)
    check_watermark(payload.decrypt(encrypted, KEY))


def check_watermark(opened: dict[str, object]) -> None:
    payload.check_watermark(
        opened, appid=str(WATERMARK["appid"]), required=True, max_age=300, now=1_700_000_000.5
    )
    phone.get_number(opened)


def read_signed(sent: bytes) -> None:
    raw, _newline, signature = sent.decode("utf-8", "surrogateescape").partition("\n")
    assert payload.raw_data_matches(raw, signature, KEY) in {True, False}


def read_body(parser: parsers.BaseParser, sent: bytes) -> None:
    """The Content-Type in the first line, the body behind it."""
    media_type, _newline, body = sent.partition(b"\n")
    parser.parse(io.BytesIO(body), media_type.decode("latin-1"))


def read_answer(sent: bytes) -> None:
    """Each reader answers with a value or *returns* an error: it never raises."""
    for read in (
        answers.read_session,
        partial(answers.read_phone, appid="wx0000000000000001"),
        answers.read_ok,
        partial(answers.read_new_key, openid="o1"),
        answers.read_access_token,
    ):
        assert answers.judge(sent, read, {}) is not None


def read_address(sent: bytes) -> None:
    """X-Forwarded-For, and what the server says of its peer."""
    forwarded, _newline, peer = sent.decode("latin-1").partition("\n")
    headers = {"HTTP_X_FORWARDED_FOR": forwarded, "HTTP_USER_AGENT": forwarded, "REMOTE_ADDR": peer}
    request = Request(RequestFactory().get("/", **headers))
    for proxies in (0, 2):
        with override_settings(WXAUTH={**settings.WXAUTH, "TRUSTED_PROXIES": proxies}):
            assert device.get_device(request).user_agent.isprintable()
            address = device.get_address(request) or device.get_peer(request)
        assert address is None or limits._network(address)


def read_number(sent: bytes) -> None:
    number = phone.parse(sent.decode("utf-8", "surrogateescape"))
    assert number is None or E164.fullmatch(number.reveal())


def read_push(sent: bytes) -> None:
    """What is around a message, as far as whoever has no key gets."""
    encrypted = messages.get_text(messages.read(sent), "Encrypt")
    assert not push.is_signed(encrypted[:40], TOKEN, "1", "1", encrypted)
    opened = push.decrypt(encrypted, [Secret("k" * 43)], "wx0000000000000001")
    if opened is not None:
        read_message(opened)


def read_message(sent: bytes) -> None:
    """What is inside: WeChat's, but nobody knows what WeChat will think of."""
    message = messages.read(sent)
    assert messages.get_event(message) == messages.get_event(message).lower()
    for name in ("OpenID", "UnionID", "AppID", "FromUserName"):
        messages.get_text(message, name)
    assert len(personal_data.get_codes(message)) <= 40


def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (9, 7), "green").save(stream, kind)
    return stream.getvalue()


JSON_PIECES = (b"[],", b"{},", b'"",', b"0,", b'"a":[', b'{"a":', b"\\ud800")
FORM = (
    b"multipart/form-data; boundary=b\n--b\r\n"
    b'Content-Disposition: form-data; name="avatar"; filename="a.jpg"\r\n'
    b"Content-Type: image/jpeg\r\n\r\nx\r\n--b--\r\n"
)
TOKEN = Secret("t")
PUSHED = FakeWeChat(any_app=True, clock=lambda: 1_700_000_000).push_message(
    "user_authorization_revoke", "alice", RevokeInfo="6,19", nested={"a": {"b": 1}}
)
MESSAGES = tuple(write(PUSHED).encode() for write in (json.dumps, to_xml))
SEALED = [seal(each, "wx0000000000000001", "k" * 43, b"r" * 16) for each in MESSAGES]
ANSWER = {"openid": "o1", "session_key": KEY.reveal(), "unionid": "u1"}
PARSERS = {
    "strict JSON": Parser(
        strict_json.read_object, (ValueError,), (b'{"a": [1, -2.5e3, "\\ud83d\\ude00", null]}',)
    ),
    "encryptedData and iv": Parser(
        read_encrypted,
        (Undecryptable,),
        (
            base64.b64encode(encrypt(json.dumps(PHONE).encode(), KEY.reveal(), IV))
            + b"\n"
            + base64.b64encode(IV),
        ),
    ),
    "what is encrypted": Parser(
        read_plaintext, (Undecryptable,), (json.dumps(PHONE).encode(), b'{"watermark": 1}')
    ),
    "rawData and its signature": Parser(read_signed, (), (b'{"nickName": "a"}\n0123abcd',)),
    "a body of JSON": Parser(
        partial(read_body, parsers.StrictJSONParser()),
        (InvalidRequest, PayloadTooLarge),
        (b'application/json; charset=utf-8\n{"code": "c", "extra": {"a": 1}}',),
    ),
    "a form": Parser(
        partial(read_body, parsers.FormParser()),
        (InvalidRequest, PayloadTooLarge),
        (b"application/x-www-form-urlencoded; charset=utf-8\ncode=c&signup=%E4%BD%A0+x",),
    ),
    "a form with a file": Parser(
        partial(read_body, parsers.PictureParser()),
        (InvalidRequest, PayloadTooLarge),
        (FORM, FORM.replace(b"\r\n\r\nx", b"\r\nContent-Transfer-Encoding: base64\r\n\r\neA==")),
    ),
    "WeChat's answer": Parser(
        read_answer,
        (),
        tuple(
            json.dumps(answer).encode()
            for answer in (
                ANSWER,
                {"errcode": 40164, "errmsg": "invalid ip 1.2.3.4, rid: 0-0-0"},
                {"errcode": "0", "phone_info": PHONE},
                {"access_token": "t", "expires_in": 7200},
            )
        ),
    ),
    "XML": Parser(
        strict_xml.read_object,
        (ValueError,),
        (MESSAGES[1], b'<?xml version="1.0"?><x a="b">&lt;<y/><y>&#x4e2d;</y><!-- --><?p?></x>'),
    ),
    "what WeChat pushes": Parser(
        read_push,
        (ValueError,),
        (
            json.dumps({"Encrypt": SEALED[0]}).encode(),
            to_xml({"Encrypt": SEALED[1]}).encode(),
        ),
    ),
    "a message in it": Parser(read_message, (ValueError,), MESSAGES),
    "a sealed value": Parser(
        lambda sent: KEYRING.open(sent.decode("utf-8", "surrogateescape"), **PLACE),
        (Unsealable,),
        (KEYRING.seal("text", **PLACE).encode(),),
    ),
    "addresses": Parser(
        read_address,
        (),
        (b"203.0.113.7:51234, 10.0.0.1\n10.0.0.2", b"[2001:db8::7%eth0]:1\n::ffff:10.0.0.1"),
    ),
    "a phone number": Parser(
        read_number, (), (b"+86 138-0013-8000", b"0086 13800138000", b"(138) 0013.8000")
    ),
    "a picture": Parser(
        pictures.shrink,
        (InvalidRequest,),
        tuple(picture(kind) for kind in ("JPEG", "PNG", "GIF", "WEBP")),
    ),
}


@st.composite
def spoilt(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A good input with up to four places that are something else, or no input at all."""
    sent = draw(st.sampled_from([*seeds, b""]))
    for _ in range(draw(st.integers(0, 4))):
        # The beginning most of all: that is where the headers are.
        start = draw(st.integers(0, min(len(sent), 64)) | st.integers(0, len(sent)))
        gone = draw(st.integers(0, 8) | st.integers(0, len(sent)))
        put = draw(st.sampled_from(SIGNS) | st.binary(max_size=8))
        sent = sent[:start] + put * draw(st.sampled_from([1, 1, 1, 50])) + sent[start + gone :]
    return sent


@pytest.mark.parametrize("name", PARSERS)
def test_the_inputs_that_are_spoilt_below_are_good(name):
    for seed in PARSERS[name].seeds:
        with contextlib.suppress(Undecryptable if seed == b'{"watermark": 1}' else ()):
            PARSERS[name].read(seed)


@pytest.mark.waits
@pytest.mark.parametrize("name", PARSERS)
@hypothesis.settings(
    max_examples=RUNS,
    derandomize="PARSER_RUNS" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data())
def test_whatever_comes_a_parser_answers_or_refuses_as_it_declares(name, data):
    parser = PARSERS[name]
    sent = data.draw(spoilt(parser.seeds))
    with contextlib.suppress(*parser.declared):
        parser.read(sent)


#: What no body may look like, each with something private in it.
PRIVATE = {
    "a body of JSON": b'application/json\n{"code": a-secret}',
    "a form": b"application/x-www-form-urlencoded\ncode=a-secret;x",
    "a form that is no UTF-8": b"application/x-www-form-urlencoded\ncode=a-secret%ff",
    "a form with a file": b"multipart/form-data; boundary=a-secret \xe9\nx",
}


@pytest.mark.parametrize("name", PRIVATE)
def test_a_refused_body_is_not_quoted(name):
    parser = PARSERS[name.removesuffix(" that is no UTF-8")]
    with pytest.raises(InvalidRequest) as caught:
        parser.read(PRIVATE[name])
    # An error tracker shows what an error came of, too, and what that has for attributes.
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert "a-secret" not in repr(caught.value)


#: What a hostile body is made of, and what stands in front: each ends in the middle.
PIECES = {
    "strict JSON": (b'{"a":[', JSON_PIECES),
    "what is encrypted": (b'{"a":[', JSON_PIECES),
    "encryptedData and iv": (b"", (b"A", b"%41", b"%25", b"=", b" ", b"\n")),
    "a body of JSON": (b'application/json\n{"a":[', JSON_PIECES),
    "a form": (b"application/x-www-form-urlencoded\n", (b"a=&", b"%41", b"a=1;", b"&")),
    "a form with a file": (
        FORM.partition(b"--b")[0],
        (
            b"--b\r\n",
            b"--b\r\n\r\n",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n',
            b"-",
        ),
    ),
    "WeChat's answer": (b'{"a":[', JSON_PIECES),
    "XML": (b"<x>", (b"<x>", b"<x/>", b"<!--", b"&lt;", b"]]>", b"<![CDATA[x]]>", b'<x a="b">')),
    "what WeChat pushes": (b'{"Encrypt":"', (b"A", b"=", b"%41")),
    "a sealed value": (KEYRING.prefix.encode(), (b"A", b"=")),
    "a phone number": (b"+86", (b"1", b" ", b"-", "٣".encode())),
    "addresses": (b"", (b"1,", b":", b"[", b"1.1.1.1,", b"\xff")),
}
#: Bytes of the longest input, and how many times as much memory a parser may take for it.
LONGEST, TIMES = 512 * 1024, 64


@pytest.mark.parametrize("name", PIECES)
@pytest.mark.waits
def test_a_long_input_takes_memory_in_proportion(name):
    parser, (front, pieces) = PARSERS[name], PIECES[name]
    for piece in pieces:
        sent = front + piece * (LONGEST // len(piece))
        tracemalloc.start()
        with contextlib.suppress(*parser.declared):
            parser.read(sent)
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < TIMES * LONGEST, piece
