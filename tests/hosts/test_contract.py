"""The HTTP contract, in somebody else's project: the wheel, their settings, a real port."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from tests.api.contract import assert_error, assert_headers
from wxauth.testing import faults

from .hosting import Host
from .phone import APP_ONE, APP_TWO, Answer, Phone

pytestmark = pytest.mark.hosts

#: Whoever wraps answers by ``ENVELOPE`` has a contract of their own.
PLAIN = ["bare", "uuid", "china", "china-without-slashes", "legacy", "logins", "logins-theirs"]


@pytest.fixture(params=PLAIN)
def host(request: pytest.FixtureRequest, get_host: Callable[[str], Host]) -> Host:
    return get_host(request.param)


@pytest.fixture
def stranger(host: Host, new_phone: Callable[[Host], Phone]) -> Phone:
    return new_phone(host)


@pytest.fixture
def alice(stranger: Phone) -> Phone:
    stranger.log_in()
    return stranger


@pytest.fixture
def bob(host: Host, new_phone: Callable[[Host], Phone]) -> Phone:
    phone = new_phone(host)
    phone.log_in()
    return phone


def moment(text: str) -> datetime:
    """RFC 3339 in UTC, whatever the project's own time zone and format."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text)
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def ok(answer: Answer) -> Answer:
    assert_headers(answer)
    assert answer.status_code in {200, 204}, answer.content
    return answer


# -- login, me ---------------------------------------------------------------------------------


def test_alice_logs_in_and_comes_back_as_herself(stranger):
    first = stranger.log_in()
    assert first.keys() == {
        "token", "token_type", "expires_in", "expires_at", "created", "user", "warnings", "extra"
    }  # fmt: skip
    assert (first["created"], first["token_type"], first["warnings"]) == (True, "Bearer", [])
    assert first["user"].keys() == {
        "id", "nickname", "avatar", "phone", "created_at", "deletion_due_at",
    }  # fmt: skip
    assert isinstance(first["user"]["id"], str)
    assert [first["user"][key] for key in ("nickname", "avatar", "phone")] == [None, None, None]
    second = stranger.log_in()
    assert (second["created"], second["user"]) == (False, first["user"])
    assert second["token"] != first["token"]
    assert ok(stranger.get("me/")).json() == first["user"]


def test_times_are_utc_and_right(stranger):
    body = stranger.log_in()
    now, minute = datetime.now(timezone.utc), timedelta(minutes=1)
    assert abs(moment(body["user"]["created_at"]) - now) < minute
    life = timedelta(seconds=body["expires_in"])
    assert abs(moment(body["expires_at"]) - now - life) < minute
    (row,) = ok(stranger.get("me/logins/")).json()
    assert abs(moment(row["created_at"]) - now) < minute
    assert moment(row["expires_at"]) == moment(body["expires_at"])


def test_one_person_in_two_apps_is_one_user(stranger):
    one = stranger.log_in(appid=APP_ONE)
    two = stranger.log_in(appid=APP_TWO)
    assert (two["user"]["id"], two["created"]) == (one["user"]["id"], False)


def test_a_stranger_may_only_ask(stranger):
    assert_error(stranger.try_login(signup=False), "not_registered")
    assert stranger.log_in()["created"] is True


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_the_nickname_is_set_and_kept(alice, method):
    answer = ok(alice.call(method, "me/", {"nickname": "小爱🐼"}))
    assert answer.json()["nickname"] == "小爱🐼"
    assert "小爱🐼".encode() in answer.content
    assert alice.get("me/").json() == answer.json()


def test_user_info_fills_in_the_profile(alice):
    answer = ok(alice.post("me/userinfo/", alice.fake.user_info(alice.name, real=True)))
    assert answer.json()["nickname"] == alice.fake.person(alice.name).nickname


def test_user_info_may_come_with_the_login(stranger):
    info = stranger.fake.user_info(stranger.name, real=True)
    assert stranger.log_in(**info)["user"]["nickname"]
    rejected = stranger.log_in(encryptedData="AAAA", iv="AAAA")
    assert rejected["warnings"] == [
        {"field": "encryptedData", "code": "undecryptable", "action": "refetch"}
    ]


def test_people_take_their_data_back(alice, host):
    told = ok(alice.get("me/export/")).json()
    assert told["accounts"][0]["id"] == alice.get("me/").json()["id"]
    asked = ok(alice.call("DELETE", "me/")).json()
    assert moment(asked["deletion_due_at"]) > datetime.now(timezone.utc) + timedelta(days=6)
    assert ok(alice.post("me/deletion/cancel/")).json()["deletion_due_at"] is None
    ok(alice.call("DELETE", "me/"))
    host.manage(
        "shell",
        "-c",
        "from wxauth.models import Person as P; from django.db.models import F; "
        "P.objects.filter(deletion_due_at__isnull=False)"
        ".update(deletion_due_at=F('deletion_asked_at'))",
    )
    host.manage("wxauth_clear_expired")
    assert_error(alice.get("me/"), "invalid_token")
    again = alice.log_in()
    assert again["created"] is True
    assert again["user"]["id"] != asked["id"]


# -- phone, decrypt, session -------------------------------------------------------------------


def number(phone: Phone) -> str:
    return "+86" + phone.fake.person(phone.name).phone


def test_the_phone_number_comes_by_the_buttons_code(alice, bob):
    code = alice.fake.phone_code(alice.name)
    assert ok(alice.post("me/phone/", {"code": code})).json()["phone"] == number(alice)
    # Once more, as a phone does whose first answer was lost; and by somebody else.
    assert ok(alice.post("me/phone/", {"phone_code": code})).json()["phone"] == number(alice)
    assert_error(bob.post("me/phone/", {"phone_code": code}), "invalid_phone_code")
    assert alice.get("me/").json()["phone"] == number(alice)


def test_the_phone_number_comes_encrypted(alice):
    data = alice.fake.phone_data(alice.name)
    assert ok(alice.post("me/phone/", data)).json()["phone"] == number(alice)


def test_the_phone_number_comes_with_the_login(stranger):
    body = stranger.log_in(phone_code=stranger.fake.phone_code(stranger.name))
    assert body["user"]["phone"] == number(stranger)


def test_a_number_of_somebody_else_is_a_conflict(alice, bob):
    ok(bob.post("me/phone/", bob.fake.phone_data(bob.name)))
    alice.fake.add_person(alice.name, phone=bob.fake.person(bob.name).phone)
    assert_error(alice.post("me/phone/", alice.fake.phone_data(alice.name)), "conflict")
    assert alice.get("me/").json()["phone"] is None


def test_other_data_is_read_without_its_ids(alice):
    ids = {"openId": alice.fake.person(alice.name).openid(APP_ONE), "unionId": "u"}
    sealed = alice.fake.encrypt({**ids, "步数": 42}, alice.name)
    data = ok(alice.post("decrypt/", sealed)).json()["data"]
    assert data["步数"] == 42
    assert not data.keys() & {"openId", "unionId"}


def test_the_session_is_asked_of_wechat(alice):
    assert ok(alice.post("session/check/")).json() == {"valid": True}


def test_failures_are_counted_whatever_becomes_of_the_request(alice):
    """Under ATOMIC_REQUESTS, too: ten of them, and the session_key is gone."""
    bodies = set()
    for iv in ("!", "", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA=="):
        answer = alice.post("decrypt/", {"encryptedData": "AAAAAAAAAAAAAAAAAAAAAA==", "iv": iv})
        assert_error(answer, "undecryptable")
        bodies.add(answer.content)
    assert len(bodies) == 1
    for _ in range(6):
        alice.post("decrypt/", {"encryptedData": "!", "iv": "!"})
    good = alice.fake.werun_data(alice.name)
    assert_error(alice.post("decrypt/", good), "session_key_missing")
    alice.log_in()
    # WeChat has given her the same key again: its ten are used up.
    assert_error(alice.post("decrypt/", good), "session_key_missing")
    alice.fake.rotate_session_key(alice.name)
    alice.log_in()
    ok(alice.post("decrypt/", alice.fake.werun_data(alice.name)))


# -- logins, logout ----------------------------------------------------------------------------


def test_alice_sees_her_logins_and_ends_one(alice):
    old = alice.token
    alice.log_in()
    rows = ok(alice.get("me/logins/")).json()
    assert [row["current"] for row in rows] == [True, False]
    assert all(isinstance(row["id"], str) and row["app"] == APP_ONE for row in rows)
    ok(alice.delete(f"me/logins/{rows[1]['id']}/"))
    assert_error(alice.get("me/", authorization=f"Bearer {old}"), "invalid_token")
    assert len(alice.get("me/logins/").json()) == 1


def test_a_login_of_somebody_else_is_not_found(alice, bob):
    (row,) = bob.get("me/logins/").json()
    assert_error(alice.delete(f"me/logins/{row['id']}/"), "not_found")
    ok(bob.get("me/"))


def test_alice_logs_out_here_and_everywhere(alice):
    tokens = [alice.token] + [alice.log_in()["token"] for _ in range(2)]
    assert ok(alice.post("logout/")).status_code == 204
    assert_error(alice.get("me/"), "invalid_token")
    alice.token = tokens[0]
    assert ok(alice.post("logout/all/")).content == b""
    for token in tokens:
        assert_error(alice.get("me/", authorization=f"Bearer {token}"), "invalid_token")


def test_alice_sees_how_she_can_log_in_and_keeps_the_last_way(alice):
    (row,) = ok(alice.get("me/identities/")).json()
    assert_error(alice.delete(f"me/identities/{row['id']}/"), "conflict")


# -- errors ------------------------------------------------------------------------------------


def test_a_code_works_once(stranger):
    code = stranger.fake.login_code(stranger.name)
    ok(stranger.post("login/", {"code": code}, headers={"User-Agent": "one"}))
    answer = stranger.post("login/", {"code": code}, headers={"User-Agent": "two"})
    assert_error(answer, "code_used")


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "field"),
    [
        ("POST", "login/", {"code": "wrong"}, "invalid_code", None),
        ("POST", "login/", {"code": "x", "appid": "wx404"}, "unknown_app", None),
        ("POST", "login/", {}, "invalid_request", "code"),
        ("POST", "login/", {"code": 12345}, "invalid_request", "code"),
        ("POST", "login/", b"{", "invalid_request", None),
        ("POST", "login/", b'["code"]', "invalid_request", None),
        ("POST", "login/", b'{"code": "x", "code": "y"}', "invalid_request", None),
        ("POST", "login/", b'{"code": NaN}', "invalid_request", None),
        ("POST", "login/", b'{"code": "\\ud800"}', "invalid_request", None),
        ("POST", "login/", b"[" * 20_000, "invalid_request", None),
        ("POST", "login/", b'{"code": "' + b"x" * 2**20 + b'"}', "payload_too_large", None),
        ("GET", "login/", None, "method_not_allowed", None),
        ("OPTIONS", "login/", None, "method_not_allowed", None),
        ("GET", "me/", None, "not_authenticated", None),
        ("POST", "logout/", None, "not_authenticated", None),
        ("GET", "nowhere/", None, "not_found", None),
        ("POST", "nowhere", {"code": "x"}, "not_found", None),
        ("GET", "", None, "not_found", None),
        ("GET", "login.json", None, "not_found", None),
    ],
)
def test_a_request_that_cannot_be_answered(stranger, method, path, body, code, field):
    assert_error(stranger.call(method, path, body), code, field=field)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-Type": "application/x-www-form-urlencoded"}, "unsupported_media_type"),
        ({"Content-Encoding": "gzip"}, "unsupported_media_type"),
        ({"Content-Type": "application/json; charset=gbk"}, "invalid_request"),
        ({"Accept": "text/html"}, "not_acceptable"),
    ],
)
def test_headers_that_ask_for_something_else(stranger, headers, code):
    body = json.dumps({"code": stranger.fake.login_code(stranger.name)}).encode()
    assert_error(stranger.post("login/", body, headers=headers), code)


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("Bearer wxa_unknown", "invalid_token"),
        ("bearer wxa_" + "x" * 43, "invalid_token"),
        ("Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", "not_authenticated"),
        ("Token wxa_unknown", "not_authenticated"),
        ("Basic YTpi", "not_authenticated"),
    ],
)
def test_a_token_that_lets_nobody_in(stranger, authorization, code):
    assert_error(stranger.get("me/", authorization=authorization), code)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (faults.Errcode(40226), "blocked"),
        (faults.Errcode(45011), "rate_limited"),
        (faults.Errcode(40125), "misconfigured"),
        (faults.Errcode(-1), "wechat_unavailable"),
        (faults.not_json(), "wechat_bad_response"),
        (faults.html(), "wechat_unavailable"),
    ],
    ids=repr,
)
def test_whatever_wechat_answers_the_phone_knows_what_to_do(stranger, fault, code):
    # Another person's app: what WeChat says about one slows down or shuts the whole app.
    stranger.fake.faults.add(fault, times=None)
    answer = stranger.try_login(appid=APP_TWO)
    stranger.fake.faults.clear()
    assert_error(answer, code)


def test_who_asks_too_often_is_told_to_wait(alice):
    answers = [alice.post("me/phone/", {"code": ""}) for _ in range(11)]
    assert_error(answers[0], "invalid_request")
    assert_error(answers[-1], "rate_limited")


# -- paths, headers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "me"),
        ("GET", "me/logins"),
        ("POST", "me/phone"),
        ("POST", "me/userinfo"),
        ("POST", "decrypt"),
        ("POST", "logout/all"),
        ("DELETE", "me/logins/1"),
        ("DELETE", "me/avatar"),
        ("POST", "session/check"),
    ],
)
def test_every_path_answers_without_its_final_slash_too(stranger, method, path):
    for each in (path, path + "/"):
        assert_error(stranger.call(method, each), "not_authenticated")


def test_the_login_answers_without_its_final_slash_too(stranger):
    code = stranger.fake.login_code(stranger.name)
    ok(stranger.post("login", {"code": code}))


def test_a_request_id_is_passed_on_or_made(alice):
    assert alice.get("me/", headers={"X-Request-ID": "mine-12345"})["X-Request-ID"] == "mine-12345"
    made = {alice.get("me/")["X-Request-ID"] for _ in range(2)}
    assert len(made) == 2


# -- the project -------------------------------------------------------------------------------


def test_nothing_is_to_mend_and_nothing_to_migrate(host):
    assert "no issues" in host.manage("check")
    host.manage("makemigrations", "--check", "--dry-run")


def test_the_commands_run(host):
    host.manage("wxauth_clear_expired")
    host.manage("wxauth_rotate_keys")
