"""me/logins/, logout/, logout/all/: where somebody is logged in, and ending that."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.signals import user_logged_out
from django.utils import timezone

from tests.api.contract import assert_error, assert_headers
from tests.api.phone import APP_ONE, APP_TWO, Phone, call
from tests.statements import capture_statements
from wxauth.crypto.tokens import new_token, token_digest
from wxauth.models import Login

pytestmark = pytest.mark.django_db


def assert_gone(answer) -> None:
    assert (answer.status_code, answer.content) == (204, b"")
    assert_headers(answer)


# -- the list ----------------------------------------------------------------------------------


def test_a_login_in_the_list(alice):
    (shown,) = alice.get("me/logins/", headers={"User-Agent": "now"}).json()
    login = alice.login
    assert shown == {
        "id": str(login.pk),
        "app": APP_ONE,
        "device": "",
        "created_at": login.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "expires_at": login.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "current": True,
    }


def test_the_list_spans_the_apps_and_knows_which_is_this_one(alice, alice_in_two):
    shown = alice.get("me/logins/").json()
    assert [(one["app"], one["current"]) for one in shown] == [(APP_TWO, False), (APP_ONE, True)]


def test_the_device_is_what_the_phone_calls_itself(fake_wechat, alice):
    code = fake_wechat.login_code("alice")
    agent = {"User-Agent": "Mozilla/5.0 (iPhone) MicroMessenger/8.0.49"}
    call(alice.client, "POST", "login/", {"code": code}, headers=agent)
    assert alice.get("me/logins/").json()[0]["device"] == agent["User-Agent"]


def test_only_live_logins_are_listed(alice):
    old = alice.login
    alice.log_in()
    ended = alice.login
    alice.log_in()
    Login.objects.filter(pk=old.pk).update(expires_at=timezone.now())
    Login.objects.filter(pk=ended.pk).update(revoked_at=timezone.now())
    assert [one["id"] for one in alice.get("me/logins/").json()] == [str(alice.login.pk)]


def test_the_newest_fifty_are_listed_newest_first(alice):
    login, now = alice.login, timezone.now()
    Login.objects.bulk_create(
        Login(
            via=login.via,
            person=login.person,
            digest=token_digest(new_token()),
            channel="miniprogram",
            created_at=now + timedelta(minutes=minute),
            expires_at=now + timedelta(days=1),
        )
        for minute in range(1, 61)
    )
    newest = Login.objects.order_by("-created_at").values_list("pk", flat=True)[:50]
    shown = [one["id"] for one in alice.get("me/logins/").json()]
    assert shown == [str(pk) for pk in newest]


def test_nobody_sees_the_logins_of_others(alice, bob):
    assert [one["id"] for one in bob.get("me/logins/").json()] == [str(bob.login.pk)]


# -- ending one --------------------------------------------------------------------------------


def test_alice_ends_the_login_of_her_other_phone(fake_wechat, alice):
    other = Phone(fake_wechat, "alice")
    assert_gone(alice.delete(f"me/logins/{other.login.pk}/"))
    assert_error(other.get("me/"), "invalid_token")
    assert alice.get("me/").status_code == 200
    assert len(alice.get("me/logins/").json()) == 1


def test_alice_ends_the_login_of_her_other_app(alice, alice_in_two):
    assert_gone(alice.delete(f"me/logins/{alice_in_two.login.pk}"))
    assert_error(alice_in_two.get("me/"), "invalid_token")


def test_alice_may_end_this_very_login(alice):
    assert_gone(alice.delete(f"me/logins/{alice.login.pk}/"))
    assert_error(alice.get("me/"), "invalid_token")


def test_what_is_not_there_and_what_is_not_ones_own_look_the_same(fake_wechat, alice, bob):
    ended = Phone(fake_wechat, "alice").login
    alice.delete(f"me/logins/{ended.pk}/")
    answers, statements = [], []
    for login_id in (bob.login.pk, ended.pk, 999_999_999, 0):
        with capture_statements() as sql:
            answers.append(alice.delete(f"me/logins/{login_id}/"))
        statements.append(len(sql))
        assert_error(answers[-1], "not_found")
    assert len({answer.content for answer in answers}) == 1
    assert len(set(statements)) == 1
    assert bob.get("me/").status_code == 200


# -- logout ------------------------------------------------------------------------------------


def test_logout_ends_this_login_only(fake_wechat, alice):
    other = Phone(fake_wechat, "alice")
    assert_gone(alice.post("logout/"))
    assert_error(alice.get("me/"), "invalid_token")
    assert_error(alice.post("logout/"), "invalid_token")
    assert other.get("me/").status_code == 200


def test_logout_everywhere_ends_all_of_ones_own(alice, alice_in_two, bob):
    assert_gone(alice.post("logout/all/"))
    for phone in (alice, alice_in_two):
        assert_error(phone.get("me/"), "invalid_token")
    assert bob.get("me/").status_code == 200


@pytest.mark.parametrize("body", [None, {}, b"{", b"[" * 100_000], ids=["no", "{}", "bad", "deep"])
def test_the_body_of_a_logout_does_not_matter(alice, body):
    """Who wants out gets out."""
    assert_gone(alice.post("logout/", body))
    assert_error(alice.get("me/"), "invalid_token")


@pytest.mark.parametrize("path", ["logout/", "logout/all/", "me/logins/{pk}/"])
def test_after_a_logout_the_session_key_is_gone(alice, path):
    login = alice.login
    assert login.sealed_session_key
    alice.call("DELETE" if "{" in path else "POST", path.format(pk=login.pk))
    login.refresh_from_db()
    assert login.sealed_session_key is None
    assert login.revoked_at is not None


@pytest.mark.parametrize("path", ["logout/", "logout/all/"])
def test_django_hears_of_a_logout(alice, path):
    heard = []

    def hear(sender, request, user, **kwargs):
        heard.append(user.pk)

    user_logged_out.connect(hear)
    try:
        alice.post(path)
    finally:
        user_logged_out.disconnect(hear)
    assert heard == [alice.login.person_id]


def test_after_a_logout_alice_logs_in_again_as_herself(alice):
    before = alice.me()
    alice.post("logout/")
    body = alice.log_in()
    assert (body["user"], body["created"]) == (before, False)
