"""Each field of each endpoint: present where it must be, of its type, and never coerced."""

from __future__ import annotations

import pytest

from tests.api.contract import assert_error
from tests.api.phone import call

pytestmark = pytest.mark.django_db

WRONG = [12345, 0, 1.5, True, False, None, ["x"], [], {"x": "y"}, {}]
#: path → field → something good.
FIELDS = {
    "login/": {
        "code": "x",
        "appid": "wx0000000000000001",
        "phone_code": "x",
        "encryptedData": "AAAA",
        "iv": "AAAA",
        "rawData": "{}",
        "signature": "x",
    },
    "me/": {"nickname": "alice"},
    "me/userinfo/": {"encryptedData": "AAAA", "iv": "AAAA", "rawData": "{}", "signature": "x"},
    "me/phone/": {"phone_code": "x", "code": "x", "encryptedData": "AAAA", "iv": "AAAA"},
    "decrypt/": {"encryptedData": "AAAA", "iv": "AAAA"},
}
CASES = [(path, field) for path, fields in FIELDS.items() for field in fields]


@pytest.mark.parametrize(("path", "field"), CASES)
def test_a_text_is_a_text(alice, path, field):
    for wrong in WRONG:
        answer = alice.post(path, {**FIELDS[path], field: wrong})
        assert_error(answer, "invalid_request", field=field)
    assert len(alice.fake.calls) == 1  # alice's own login


@pytest.mark.parametrize(
    "wrong", [0, 1, 1.5, None, "", "true", "false", "yes", "0", [], {}], ids=repr
)
def test_signup_is_a_boolean(fake_wechat, client, wrong):
    answer = call(client, "POST", "login/", {"code": "x", "signup": wrong})
    assert_error(answer, "invalid_request", field="signup")
    assert fake_wechat.calls == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("login/", "code"),
        ("me/", "nickname"),
        ("me/userinfo/", "encryptedData"),
        ("me/userinfo/", "iv"),
        ("decrypt/", "encryptedData"),
        ("decrypt/", "iv"),
    ],
)
def test_what_is_needed_is_missed(alice, path, field):
    body = {name: value for name, value in FIELDS[path].items() if name != field}
    if path == "login/":
        body = {}
    assert_error(alice.post(path, body), "invalid_request", field=field)


@pytest.mark.parametrize("field", ["encryptedData", "iv"])
def test_without_a_phone_code_a_number_needs_both_halves(alice, field):
    body = {"encryptedData": "AAAA", "iv": "AAAA"}
    del body[field]
    assert_error(alice.post("me/phone/", body), "invalid_request", field=field)


@pytest.mark.parametrize("path", FIELDS)
def test_an_empty_object_and_no_body_miss_the_first_field(alice, path):
    first = next(iter(FIELDS[path]))
    for body in ({}, None, b"{}"):
        assert_error(alice.post(path, body), "invalid_request", field=first)


@pytest.mark.parametrize("missing", ["rawData", "signature"])
def test_half_of_a_signed_pair_is_missed(alice, missing):
    body = alice.user_info()
    del body[missing]
    assert_error(alice.post("me/userinfo/", body), "invalid_request", field=missing)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("code", ""),
        ("code", "x\0"),
        ("code", "x" * 257),
        ("code", "x" * 10_000),
        ("appid", ""),
        ("appid", "wx\0"),
        ("appid", "x" * 33),
        ("appid", "x" * 10_000),
    ],
    ids=lambda text: repr(text[:6]),
)
def test_a_text_that_cannot_be_a_code_or_appid_is_refused_unasked(fake_wechat, client, field, text):
    answer = call(client, "POST", "login/", {"code": "x", field: text})
    assert_error(answer, "invalid_request", field=field)
    assert fake_wechat.calls == []


@pytest.mark.parametrize("field", ["encryptedData", "iv"])
@pytest.mark.parametrize("path", ["me/userinfo/", "me/phone/", "decrypt/"])
def test_a_text_that_cannot_be_encrypted_data_is_undecryptable(alice, path, field):
    for text in ("", " ", "x\0", "x" * 3_000, "x" * 30_000):
        answer = alice.post(path, {"encryptedData": "AAAA", "iv": "AAAA", field: text})
        body = assert_error(answer, "undecryptable")
        assert "field" not in body


def test_the_first_of_several_wrong_fields_is_named(alice):
    answer = alice.post("me/userinfo/", {"iv": 1, "encryptedData": 2, "signature": 3})
    assert_error(answer, "invalid_request", field="encryptedData")
