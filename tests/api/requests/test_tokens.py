"""Who is let in, and that everybody else is told the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from tests.api.contract import assert_error
from tests.api.phone import call
from tests.statements import capture_statements
from wxauth.authentication import get_login
from wxauth.crypto.tokens import new_token
from wxauth.models import Login, Person

pytestmark = pytest.mark.django_db

#: One more than enough: paths that want a token.
GUARDED = [
    ("GET", "me/"),
    ("POST", "me/"),
    ("PATCH", "me/"),
    ("POST", "me/userinfo/"),
    ("POST", "me/phone/"),
    ("POST", "decrypt/"),
    ("GET", "me/logins/"),
    ("DELETE", "me/logins/1/"),
    ("POST", "logout/"),
    ("POST", "logout/all/"),
]


def expire(login: Login) -> None:
    Login.objects.filter(pk=login.pk).update(expires_at=timezone.now())


def revoke(login: Login) -> None:
    Login.objects.filter(pk=login.pk).update(revoked_at=timezone.now())


def delete(login: Login) -> None:
    login.delete()


def deactivate(login: Login) -> None:
    get_user_model().objects.filter(pk=login.person_id).update(is_active=False)


def block(login: Login) -> None:
    Person.objects.filter(pk=login.person_id).update(blocked_at=timezone.now())


def merge(login: Login) -> None:
    survivor = Person.objects.create(
        user=get_user_model().objects.create(username="survivor"), created_at=timezone.now()
    )
    Person.objects.filter(pk=login.person_id).update(merged_into=survivor)


def remove(login: Login) -> None:
    get_user_model().objects.filter(pk=login.person_id).delete()


@pytest.mark.parametrize(
    "end", [expire, revoke, delete, deactivate, block, merge, remove], ids=lambda f: f.__name__
)
def test_every_reason_has_one_body(alice, client, end):
    unknown = call(client, "GET", "me/", token=new_token())
    assert_error(unknown, "invalid_token")
    end(alice.login)
    answer = alice.get("me/")
    assert (answer.status_code, answer.content) == (401, unknown.content)
    assert get_login(alice.token) is None
    headers = {k: v for k, v in answer.items() if k != "X-Request-ID"}
    assert headers == {k: v for k, v in unknown.items() if k != "X-Request-ID"}


@pytest.mark.parametrize("fallbacks", [[], ["tests-only"]], ids=["forgotten", "kept"])
def test_another_secret_key_of_django_ends_no_login(alice, settings, fallbacks):
    alice.post("me/phone/", alice.fake.phone_data("alice"))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another one", fallbacks
    assert alice.me()["phone"]


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_every_guarded_path_wants_a_token_before_anything_else(client, method, path):
    assert_error(call(client, method, path, b"[" * 100_000), "not_authenticated")
    assert_error(call(client, method, path, b"{", token=new_token()), "invalid_token")


def test_until_the_last_moment_a_token_is_good(alice):
    soon = timezone.now() + timedelta(seconds=30)
    Login.objects.update(expires_at=soon)
    assert alice.get("me/").status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "{token}",
        "Token {token}",
        "Basic {token}",
        "Digest {token}",
        "BearerX {token}",
        "Bearer,{token}",
        "Bearer: {token}",
        "Bearer\u00a0{token}",
        "Bearer eyJhbGciOiJIUzI1NiJ9.e30.ZRrHA1JJJW8opsbCGfG",
        "Bearer {digest}",
        "Bearer " + "x" * 100_000,
        "Bearer null",
        "Bearer 微信",
    ],
    ids=lambda header: header[:24] or "-",
)
def test_a_header_that_carries_no_token_of_ours(alice, client, header):
    header = header.format(token=alice.token, digest=alice.login.digest)
    answer = call(client, "GET", "me/", headers={"Authorization": header})
    assert_error(answer, "not_authenticated")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer wxa_",
        "Bearer {token}x",
        "Bearer {token} x",
        "Bearer {token}, Bearer {token}",
        "Bearer wxa_{digest}",
        "Bearer {lower}",
        "Bearer wxa_' OR 1=1 --",
        "Bearer wxa_%00",
        "Bearer wxa_\x00",
        "Bearer wxa_\udcff",
        "Bearer wxa_ÿ",
        "Bearer wxa_微信",
        "Bearer wxa_" + "x" * 100_000,
    ],
    ids=lambda header: ascii(header[:24]),
)
def test_a_header_with_a_token_that_is_none(alice, client, header):
    header = header.format(token=alice.token, digest=alice.login.digest, lower=alice.token.lower())
    answer = client.get("/api/wxauth/me/", HTTP_AUTHORIZATION=header)
    assert_error(answer, "invalid_token")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_the_scheme_may_be_spelt_in_any_case(alice, client, scheme):
    headers = {"Authorization": f"{scheme} {alice.token}"}
    assert call(client, "GET", "me/", headers=headers).status_code == 200


@pytest.mark.parametrize("name", ["token", "access_token", "Authorization"])
def test_a_token_in_the_query_string_or_body_is_not_read(alice, client, name):
    """It would be in every log on the way."""
    assert_error(call(client, "GET", f"me/?{name}={alice.token}"), "not_authenticated")
    assert_error(call(client, "POST", "me/", {name: alice.token}), "not_authenticated")
    client.cookies[name] = alice.token
    assert_error_in_spite_of_cookies(call(client, "GET", "me/"))


def assert_error_in_spite_of_cookies(answer) -> None:
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_the_login_of_a_token_is_there_for_everybody_else(alice):
    """For Channels, plain views, and the like."""
    with capture_statements() as statements:
        login = get_login(alice.token)
        assert login.appid == alice.appid
        assert login.openid == alice.fake.person("alice").openid(alice.appid)
        assert login.person.user.is_active
    assert len(statements) == 1


def test_a_login_ignores_a_token(alice, client):
    """A phone with an old token must be able to log in."""
    code = alice.fake.login_code("alice")
    answer = call(client, "POST", "login/", {"code": code}, token=new_token())
    assert answer.status_code == 200
