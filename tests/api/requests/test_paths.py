"""Paths, methods, headers: whatever is asked, the answer is the contract's JSON."""

from __future__ import annotations

import re

import pytest
from django.test import Client, override_settings
from django.urls import include, path

from tests.api.contract import assert_error, assert_headers
from tests.api.phone import ROOT, call

pytestmark = pytest.mark.django_db

#: path → the methods it has.
METHODS = {
    "login/": {"POST"},
    "logout/": {"POST"},
    "logout/all/": {"POST"},
    "me/": {"GET", "HEAD", "POST", "PATCH", "DELETE"},
    "me/deletion/cancel/": {"POST"},
    "me/export/": {"GET", "HEAD"},
    "me/userinfo/": {"POST"},
    "me/phone/": {"POST"},
    "me/logins/": {"GET", "HEAD"},
    "me/logins/1/": {"DELETE"},
    "decrypt/": {"POST"},
}
ALL = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "FOO", "get"]


# -- paths -------------------------------------------------------------------------------------


@pytest.mark.parametrize("append_slash", [True, False])
@pytest.mark.parametrize("name", [name for name in METHODS if name != "login/"])
def test_every_path_answers_with_and_without_its_final_slash(client, settings, name, append_slash):
    """No redirect: it would lose the body."""
    settings.APPEND_SLASH = append_slash
    method = min(METHODS[name])
    for path_ in (name, name.rstrip("/")):
        assert_error(call(client, method, path_), "not_authenticated")


@pytest.mark.parametrize("name", ["login", "login/"])
@pytest.mark.parametrize("append_slash", [True, False])
def test_the_login_answers_with_and_without_its_final_slash(
    fake_wechat, client, settings, name, append_slash
):
    settings.APPEND_SLASH = append_slash
    answer = call(client, "POST", name, {"code": fake_wechat.login_code("alice")})
    assert answer.status_code == 200


UNKNOWN = [
    "",
    "x",
    "login//",
    "login/x",
    "Login/",
    "me/logins//",
    "me/logins/x/",
    "me/login",
    "login%0a",
    "a%0ab/",
    "%00",
    "%ff%fe",
    "微信/",
    "../../etc/passwd",
    "login.json",
    "me/.json",
    "x" * 2000,
]


@pytest.mark.parametrize("name", UNKNOWN, ids=lambda name: name[:20] or "-")
@pytest.mark.parametrize("method", ["GET", "POST", "FOO"])
def test_an_unknown_path_is_not_found_in_json(client, name, method):
    assert_error(call(client, method, name), "not_found")


class AnotherProject:
    """A project that includes wxauth and has no pages for errors."""

    urlpatterns = [path("api/wxauth/", include("wxauth.urls"))]


@pytest.mark.parametrize("name", UNKNOWN, ids=lambda name: name[:20] or "-")
def test_an_unknown_path_below_ours_is_json_in_every_project(client, name):
    with override_settings(ROOT_URLCONF=AnotherProject):
        assert_error(call(client, "GET", name), "not_found")


@pytest.mark.parametrize(
    "login_id",
    ["-1", "0", "1e3", "1.0", "+1", "0x1", "９", "٣", "9" * 18, str(2**63 - 1), str(2**63),
     str(2**63 + 1), "9" * 500, "null", "%20", "1%00", "1;drop", "me"],
)  # fmt: skip
def test_an_id_that_is_none_is_not_found(alice, login_id):
    assert_error(alice.delete(f"me/logins/{login_id}/"), "not_found")


# -- methods -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_a_method_that_a_path_does_not_have_is_not_allowed(alice, name):
    for method in ALL:
        if method not in METHODS[name] and method.upper() not in METHODS[name]:
            answer = alice.call(method, name)
            if method == "HEAD":
                assert (answer.status_code, answer.content) == (405, b"")
            else:
                assert_error(answer, "method_not_allowed")
            allowed = set(answer["Allow"].split(", "))
            assert allowed == METHODS[name], method


def test_head_is_get_without_its_body(alice):
    answer = alice.call("HEAD", "me/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert_headers(answer)


def test_a_method_is_not_overridden_by_a_header(alice):
    answer = alice.get("me/", headers={"X-HTTP-Method-Override": "DELETE"})
    assert answer.status_code == 200


def test_a_method_is_not_overridden_by_a_field(alice):
    answer = alice.post("me/?_method=DELETE", {"nickname": "alice", "_method": "DELETE"})
    assert answer.json()["nickname"] == "alice"


# -- Accept, format ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "application/json; indent=4",
        "APPLICATION/JSON",
        "*/*",
        "",
        "application/*",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "application/json; charset=gbk",
    ],
)
def test_who_takes_json_gets_the_same_json(alice, accept):
    answer = alice.get("me/", headers={"Accept": accept})
    assert answer.status_code == 200
    assert_headers(answer)
    assert answer.content == alice.get("me/").content


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml", "image/*", "nonsense", "text/html;q=1, text/*"]
)
def test_who_takes_no_json_is_told_so_in_json(alice, client, accept):
    assert_error(alice.get("me/", headers={"Accept": accept}), "not_acceptable")
    assert_error(
        call(client, "POST", "login/", {"code": 1}, headers={"Accept": accept}), "not_acceptable"
    )


@pytest.mark.parametrize("query", ["format=html", "format=api", "format=xml", "format=", "%ff=%00"])
def test_the_query_string_changes_nothing(alice, query):
    assert alice.get(f"me/?{query}").content == alice.get("me/").content


# -- X-Request-ID ------------------------------------------------------------------------------


@pytest.mark.parametrize("request_id", ["12345678", "a.b_c-D9", "0" * 64])
def test_a_request_id_is_passed_on(client, request_id):
    answer = call(client, "GET", "me/", headers={"X-Request-ID": request_id})
    assert answer["X-Request-ID"] == request_id


@pytest.mark.parametrize(
    "request_id",
    [
        "",
        "1234567",
        "0" * 65,
        "with blank",
        "new\nline",
        "a" * 8 + "\n",
        "１２３４５６７８",
        "<b>12345",
    ],
)
def test_a_request_id_that_could_forge_a_log_line_is_replaced(client, request_id):
    made = {
        call(client, "GET", "me/", headers={"X-Request-ID": request_id})["X-Request-ID"]
        for _ in range(2)
    }
    assert len(made) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in made)


# -- the project around it ---------------------------------------------------------------------


def test_a_foreign_host_is_told_so_in_json(client):
    answer = client.get(ROOT + "me/", headers={"Host": "evil.example"})
    assert_error(answer, "invalid_request")


def test_no_cookie_is_read(alice, django_user_model):
    """A person who is logged in to the website is nobody here without a token."""
    staff = django_user_model.objects.create(username="staff", is_staff=True)
    alice.client.force_login(staff)
    assert alice.client.cookies
    answer = call(alice.client, "GET", "me/")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_no_csrf_token_is_asked_for(fake_wechat):
    client = Client(enforce_csrf_checks=True)
    answer = call(client, "POST", "login/", {"code": fake_wechat.login_code("alice")})
    assert answer.status_code == 200


@pytest.mark.parametrize("allowed", ["POST", "PATCH"])
@pytest.mark.parametrize(
    "claim",
    [
        {"id": "1"}, {"phone": "+8613800138009"}, {"avatar": "https://evil.example/x"},
        {"avatar_url": "https://evil.example/x"}, {"created_at": "2000-01-01T00:00:00Z"},
        {"is_staff": True, "is_superuser": True}, {"is_active": False}, {"username": "root"},
        {"blocked_at": None, "merged_into": 1, "sealed_phone": "x", "phone_hash": "x"},
        {"openid": "o", "unionid": "o", "user": 1, "user_id": 1, "person": 1},
    ],
)  # fmt: skip
def test_only_the_nickname_is_the_callers_to_change(alice, allowed, claim):
    before = alice.me()
    user = alice.row.user
    answer = alice.call(allowed, "me/", {**claim, "nickname": "alice"})
    assert answer.json() == {**before, "nickname": "alice"}
    after = alice.row
    assert (after.user.username, after.user.is_staff) == (user.username, user.is_staff)
    assert after.sealed_phone is None
    assert after.avatar_url == ""
