"""Bodies that are no request: the contract's JSON, never HTML, never 500."""

from __future__ import annotations

import gzip
import json

import django
import pytest
from django.test import RequestFactory

from tests.api.contract import assert_error
from tests.api.phone import call
from wxauth.api.views import LoginView

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("assert_nothing_written", "fake_wechat"),
]

MEGABYTE = 1024 * 1024
#: What login/ takes.
MOST = 32 * 1024


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    """An object whose containers, itself included, are nested so deep."""
    levels = depth - 1
    return f'{{"code": "wrong", "x": {opening * levels}1{closing * levels}}}'.encode()


NOT_JSON = {
    "empty": b"",
    "blanks": b"  \n",
    "a word": b"code",
    "truncated": b'{"code": "wro',
    "two objects": b'{"code": "a"}{"code": "b"}',
    "a comma too many": b'{"code": "a",}',
    "single quotes": b"{'code': 'a'}",
    "a comment": b'{"code": "a" /* b */}',
    "a form": b"code=wrong&appid=wx0000000000000001",
    "null": b"null",
    "true": b"true",
    "a number": b"1",
    "a text": b'"code"',
    "an array": b'[{"code": "wrong"}]',
    "an empty array": b"[]",
    "NUL": b"\0",
    "a BOM": b'\xef\xbb\xbf{"code": "wrong"}',
    "UTF-16": '{"code": "wrong"}'.encode("utf-16"),
    "Latin-1": '{"code": "wr\xf6ng"}'.encode("latin-1"),
    "overlong UTF-8": b'{"code": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"code": "\xed\xa0\x80"}',
    "a raw control character": b'{"code": "a\x01b"}',
    "gzip, unsaid": gzip.compress(b'{"code": "wrong"}'),
    "a duplicate key": b'{"code": "a", "code": "b"}',
    "a duplicate key, spelt twice": b'{"code": "a", "c\\u006fde": "b"}',
    "a duplicate key further down": b'{"code": "a", "extra": {"a": 1, "a": 1}}',
    "NaN": b'{"code": "a", "x": NaN}',
    "Infinity": b'{"code": "a", "x": Infinity}',
    "-Infinity": b'{"code": "a", "x": [-Infinity]}',
    "1e999": b'{"code": "a", "x": 1e999}',
    "5,000 digits": b'{"code": "a", "x": ' + b"9" * 5000 + b"}",
    "a lone surrogate": b'{"code": "a\\ud800"}',
    "a lone low surrogate": b'{"code": "\\udc00"}',
    "a lone surrogate as a key": b'{"code": "a", "\\ud800": 1}',
    "a lone surrogate far down": b'{"code": "a", "x": [[{"y": "\\udfff"}]]}',
    "surrogates the wrong way round": b'{"code": "\\ude00\\ud83d"}',
    "depth 21, arrays": nested(21),
    "depth 21, objects": nested(21, '{"x": ', "}"),
    "depth 100": nested(100),
    "depth 16,000": nested(16_000),
    "depth 4,000, objects": nested(4_000, '{"x": ', "}"),
    "depth 32,000, never closed": b"[" * 32_000,
}


@pytest.mark.parametrize("body", NOT_JSON)
def test_what_is_no_plain_json_object_is_an_invalid_request(fake_wechat, client, body):
    assert_error(call(client, "POST", "login/", NOT_JSON[body]), "invalid_request")
    assert fake_wechat.calls == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"code": "wrong"}',
        b' \t\r\n{"code"\n:\n"wrong"}\n',
        b'{"code": "wrong", "x": "\\ud83d\\ude00"}',
        '{"code": "wrong", "emoji": "👨‍👩‍👧"}'.encode(),
        b'{"code": "wrong", "x": [1.5, -0, 1e10, true, null, 99999999999999999999]}',
        nested(20),
        nested(20, '{"x": ', "}"),
        b'{"code": "wrong", "x": "' + b"x" * (MOST - 26) + b'"}',
    ],
    ids=["plain", "blanks", "pairs", "emoji", "numbers", "depth 20", "depth 20 {}", "32 KB"],
)
def test_an_object_within_the_bounds_is_read(fake_wechat, client, body):
    """... and then refused by WeChat, for its code."""
    assert len(body) <= MOST
    assert_error(call(client, "POST", "login/", body), "invalid_code")


@pytest.mark.parametrize("size", [MOST + 1, MEGABYTE, 10 * MEGABYTE])
def test_more_than_32_kilobytes_are_too_large(client, size):
    body = b'{"code": "wrong", "x": "'
    body += b"x" * (size - len(body) - 2) + b'"}'
    assert len(body) == size
    assert_error(call(client, "POST", "login/", body), "payload_too_large")


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "text/json",
        "text/html",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "application/xml",
        "application/octet-stream",
        "application/jsonp",
        "application/vnd.api+json",
        "json",
        ";",
        "application/*",
        "*/*",
        "x" * 10_000,
        "微信/json".encode().decode("latin-1"),
    ],
)
def test_what_does_not_call_itself_json_is_of_an_unsupported_type(client, content_type):
    answer = call(client, "POST", "login/", b'{"code": "wrong"}', content_type=content_type)
    assert_error(answer, "unsupported_media_type")


def test_a_form_is_of_an_unsupported_type(client):
    assert_error(client.post("/api/wxauth/login/", {"code": "wrong"}), "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "APPLICATION/JSON",
        "application/json;charset=utf-8",
        'application/json; charset="UTF-8"',
        "application/json ; charset=utf8",
        "application/json; charset=",
        "application/json; odata=verbose; charset=UTF-8",
    ],
)
def test_json_may_say_that_it_is_utf8(client, content_type):
    answer = call(client, "POST", "login/", b'{"code": "wrong"}', content_type=content_type)
    assert_error(answer, "invalid_code")


#: Django 6.1 refuses it before there is a request that a view could answer.
LONG = pytest.param(
    "x" * 9999, marks=pytest.mark.skipif(django.VERSION >= (6, 1), reason="never reaches a view")
)


@pytest.mark.parametrize(
    "charset",
    [
        "utf-7",
        "utf-16",
        "latin-1",
        "gbk",
        "idna",
        "hex",
        "rot13",
        "unknown",
        "'utf-8'",
        "x" * 900,
        LONG,
    ],
)
def test_another_charset_is_an_invalid_request(client, charset):
    answer = call(
        client,
        "POST",
        "login/",
        b'{"code": "wrong"}',
        content_type=f"application/json; charset={charset}",
    )
    assert_error(answer, "invalid_request")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "gzip, identity"])
@pytest.mark.parametrize("squeezed", [True, False], ids=["compressed", "not compressed"])
def test_a_compressed_body_is_not_unpacked(client, encoding, squeezed):
    """64 KB of it can be 64 MB."""
    body = json.dumps({"code": "wrong"}).encode()
    answer = call(
        client,
        "POST",
        "login/",
        gzip.compress(body) if squeezed else body,
        headers={"Content-Encoding": encoding},
    )
    assert_error(answer, "unsupported_media_type")


def test_an_identity_encoding_is_none(client):
    answer = call(
        client, "POST", "login/", {"code": "wrong"}, headers={"Content-Encoding": "identity"}
    )
    assert_error(answer, "invalid_code")


@pytest.mark.parametrize("length", ["-1", "1e3", "x", "", "０"])
def test_a_content_length_that_is_none(client, length):
    answer = client.generic(
        "POST",
        "/api/wxauth/login/",
        CONTENT_TYPE="application/json",
        CONTENT_LENGTH=length,
    )
    assert_error(answer, "invalid_request")


class _HungUp:
    """The body of a client that went away."""

    def read(self, size: int = -1) -> bytes:
        raise ConnectionResetError("gone")

    readline = read


def test_a_client_that_hangs_up_in_the_middle_is_no_bug_of_ours(caplog):
    request = RequestFactory().generic(
        "POST",
        "/api/wxauth/login/",
        b"x" * 10,
        "application/json",
        **{"wsgi.input": _HungUp()},
    )
    answer = LoginView.as_view()(request).render()
    assert_error(answer, "invalid_request")
    assert "Unhandled" not in caplog.text


def test_what_a_middleware_has_read_before_is_read_again(rf):
    request = rf.generic("POST", "/api/wxauth/login/", b'{"code": 5}', "application/json")
    assert request.body
    answer = LoginView.as_view()(request).render()
    assert_error(answer, "invalid_request", field="code")


def test_a_body_longer_than_its_length_is_cut_there(client):
    body = b'{"code": "wrong"}{"code": "evil"}'
    answer = client.generic(
        "POST", "/api/wxauth/login/", body, "application/json", CONTENT_LENGTH="17"
    )
    assert_error(answer, "invalid_code")


class _Endless:
    """A body that goes on and on."""

    def __init__(self) -> None:
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        assert 0 <= size <= 64 * 1024
        self.taken += size
        return b"x" * size

    readline = read


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
@pytest.mark.parametrize(
    ("claimed", "taken"),
    [(10 * MEGABYTE, range(10 * MEGABYTE, 10 * MEGABYTE + 1)), (2**40, range(18 * MEGABYTE))],
    ids=["10 MB", "1 TB"],
)
def test_a_phone_is_let_finish_within_bounds_so_that_it_sees_the_answer(
    rf, content_type, claimed, taken
):
    """A connection that is closed with unread bytes is reset, and the answer lost."""
    body = _Endless()
    request = rf.generic(
        "POST",
        "/api/wxauth/login/",
        b"x",
        content_type,
        **{"wsgi.input": body, "CONTENT_LENGTH": str(claimed)},
    )
    answer = LoginView.as_view()(request).render()
    refused = {"application/json": "payload_too_large", "text/plain": "unsupported_media_type"}
    assert_error(answer, refused[content_type])
    assert body.taken in taken
