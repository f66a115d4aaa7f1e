"""What of WeChat needs an access_token, and the token itself."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from .conftest import APPID, OTHER, SECRET, login_path

TOKEN = "/cgi-bin/stable_token"
PHONE = "/wxa/business/getuserphonenumber?access_token="
OF_APP = {"grant_type": "client_credential", "appid": APPID, "secret": SECRET}


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(served):
    served.clock = Clock()
    return served.clock


@pytest.fixture
def stable_token(http_):
    """Ask for a token; what differs from the right question is given."""
    return lambda **wrong: http_.json("POST", TOKEN, {**OF_APP, **wrong})[1]


@pytest.fixture
def token(stable_token):
    return stable_token()["access_token"]


@pytest.fixture
def phone_number(http_, token):
    return lambda token=token, **body: http_.json("POST", PHONE + token, body)[1]


def signed(served, person="alice", key=None, **wrong):
    key = key or served.session_key(person, APPID)
    fields = {
        "openid": served.person(person).openid(APPID),
        "signature": hmac.new(key.encode(), b"", hashlib.sha256).hexdigest(),
        "sig_method": "hmac_sha256",
        **wrong,
    }
    return "&".join(f"{name}={value}" for name, value in fields.items())


# -- the token -------------------------------------------------------------------------------------


def test_the_same_token_until_300_seconds_before_its_end(clock, stable_token):
    first = stable_token()
    assert (len(first["access_token"]) >= 100, first["expires_in"]) == (True, 7200)
    clock.now += 6899
    assert stable_token() == {**first, "expires_in": 301}
    clock.now += 1
    second = stable_token()
    assert second["access_token"] != first["access_token"]
    assert second["expires_in"] == 7200


def test_the_former_token_is_good_to_its_end(clock, stable_token, phone_number, served):
    first = stable_token()["access_token"]
    clock.now += 7000
    assert stable_token()["access_token"] != first
    assert phone_number(first, code=served.phone_code())["errcode"] == 0
    clock.now += 200
    assert phone_number(first, code=served.phone_code())["errcode"] == 42001
    stable_token()
    assert phone_number(first, code=served.phone_code())["errcode"] == 40001


def test_force_refresh_ends_the_former_at_once_and_not_too_often(
    clock, stable_token, phone_number, served
):
    first = stable_token()["access_token"]
    assert stable_token(force_refresh=True)["access_token"] != first
    assert phone_number(first, code=served.phone_code())["errcode"] == 40001
    clock.now += 29
    assert stable_token(force_refresh=True)["errcode"] == 45011
    for _ in range(19):
        clock.now += 31
        assert "access_token" in stable_token(force_refresh=True)
    clock.now += 31
    assert stable_token(force_refresh=True)["errcode"] == 45009
    assert "access_token" in stable_token()
    clock.now += 86400
    assert "access_token" in stable_token(force_refresh=True)


@pytest.mark.parametrize(
    ("wrong", "errcode"),
    [
        ({"appid": ""}, 41002),
        ({"appid": "wxffffffffffffffff", "secret": ""}, 40013),
        ({"secret": ""}, 41004),
        ({"secret": "of another"}, 40125),
        ({"grant_type": "code"}, 40002),
    ],
)
def test_a_wrong_question_is_refused(stable_token, wrong, errcode):
    assert stable_token(**wrong)["errcode"] == errcode


def test_what_is_posted_has_to_be_json(http_):
    assert http_.json("GET", TOKEN)[1]["errcode"] == 43002
    assert http_.json("POST", TOKEN, b"")[1]["errcode"] == 44002
    assert http_.json("POST", TOKEN, b"a=b")[1]["errcode"] == 47001
    assert http_.json("POST", TOKEN, [])[1]["errcode"] == 47001


def test_calls_are_remembered_without_their_secrets(served, phone_number):
    phone_number(code=served.phone_code("alice"), openid="o")
    ask, use = served.calls
    assert ask.params == {"grant_type": "client_credential", "appid": APPID}
    assert set(use.params) == {"code", "openid"}


# -- the phone code --------------------------------------------------------------------------------


def test_a_phone_code_becomes_a_number_once(served, phone_number):
    code = served.phone_code("alice")
    assert len(code) == 64
    answer = phone_number(code=code, openid=served.person("alice").openid(APPID))
    watermark = answer["phone_info"].pop("watermark")
    assert answer["phone_info"] == {
        "phoneNumber": "13800138001",
        "purePhoneNumber": "13800138001",
        "countryCode": "86",
    }
    assert watermark["appid"] == APPID
    assert phone_number(code=code)["errcode"] == 40029


def test_a_phone_code_lives_for_five_minutes(clock, served, phone_number):
    code = served.phone_code()
    clock.now += 300
    assert phone_number(code=code)["errcode"] == 40029


def test_the_two_kinds_of_codes_are_not_exchanged_for_each_other(served, phone_number, http_):
    served.any_code = True
    assert phone_number(code=served.login_code())["errcode"] == 40029
    assert http_.json("GET", login_path(served.phone_code()))[1]["errcode"] == 40029


def test_a_phone_code_of_another_person_or_app_is_refused_and_stays_good(served, phone_number):
    alice, bob = (served.person(name).openid(APPID) for name in ("alice", "bob"))
    code = served.phone_code("alice")
    assert phone_number(code=code, openid=bob)["errcode"] == 40003
    assert phone_number(code=code, openid=alice)["errcode"] == 0
    assert phone_number(code=served.phone_code("alice", OTHER))["errcode"] == 40013


def test_in_the_sandbox_an_unknown_phone_code_is_that_of_who_is_named(served, phone_number):
    served.any_code = True
    alice = served.person("alice").openid(APPID)
    assert phone_number(code="x", openid=alice)["phone_info"]["purePhoneNumber"] == "13800138001"
    assert phone_number(code="x")["phone_info"]["purePhoneNumber"] == "13800138000"
    assert phone_number(code="x", openid="o-nobody")["errcode"] == 40003
    assert phone_number(code="")["errcode"] == 40029


@pytest.mark.parametrize("body", [{}, {"code": 5}, {"code": "x", "openid": 5}])
def test_ill_typed_fields_are_refused(phone_number, body):
    assert phone_number(**body)["errcode"] == 40097


def test_without_a_token_or_with_a_made_up_one_nothing_is_said(phone_number):
    assert phone_number("", code="x")["errcode"] == 41001
    assert phone_number("made-up", code="x")["errcode"] == 40001


def test_who_has_no_number_has_no_code(served, http_):
    served.add_person("carol")
    assert http_.json("GET", "/sandbox/phone_code?person=carol")[0] == 400


def test_a_phone_code_comes_from_the_sandbox_as_text(http_, phone_number):
    status, code = http_.text("GET", f"/sandbox/phone_code?person=bob&appid={APPID}")
    assert (status, len(code)) == (200, 64)
    assert phone_number(code=code)["phone_info"]["purePhoneNumber"] == "13800138002"


def test_the_number_may_come_out_wrong_on_request(served, http_, phone_number):
    fault = {
        "kind": "phone_info",
        "path": "/wxa/business/getuserphonenumber",
        "wrong": {"countryCode": 86, "watermark": {"timestamp": 0, "appid": OTHER}},
        "missing": ["phoneNumber"],
    }
    assert http_.json("POST", "/sandbox/faults", fault)[0] == 200
    assert phone_number(code=served.phone_code())["phone_info"] == {
        "purePhoneNumber": "13800138000",
        "countryCode": 86,
        "watermark": {"timestamp": 0, "appid": OTHER},
    }


# -- the session_key -------------------------------------------------------------------------------


def test_a_session_key_is_known_by_its_signature(served, http_, token):
    def check(**wrong):
        return http_.json(
            "GET", f"/wxa/checksession?access_token={token}&{signed(served, **wrong)}"
        )[1]["errcode"]

    assert check() == 0
    assert check(openid="o-nobody") == 40003
    assert check(sig_method="md5") == 87008
    assert check(signature="") == 87009
    assert check(key=served.session_key("bob", APPID)) == 87009


def test_a_reset_replaces_the_session_key(served, http_, token):
    old = served.session_key("alice", APPID)
    path = f"/wxa/resetusersessionkey?access_token={token}&{signed(served)}"
    answer = http_.json("GET", path)[1]
    assert answer["session_key"] == served.session_key("alice", APPID) != old
    assert answer["openid"] == served.person("alice").openid(APPID)
    assert http_.json("GET", path)[1]["errcode"] == 87009
