"""A user who is logged in, for tests of what comes after a login."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.test import TestCase

from tests.rows import ONE, TWO, make_login, make_openid
from tests.rows import session_key as read_session_key
from wxauth.exceptions import Blocked, UnknownApp
from wxauth.models import Identity, Login, OpenId, Person
from wxauth.signals import logged_in as logged_in_signal
from wxauth.testing import log_in

ROOT = Path(__file__).parents[2]
ME = "/api/wxauth/me/"


@pytest.fixture
def alice(db):
    return get_user_model().objects.create_user("alice")


def test_a_user_whom_wxauth_has_never_seen_is_logged_in_by_a_real_token(alice, wxauth_login):
    logged_in = wxauth_login(alice)
    answer = logged_in.client.get(ME)
    assert (answer.status_code, answer.json()["id"]) == (200, str(alice.pk))
    assert logged_in.client.post(ME, {"nickname": "小爱"}, format="json").status_code == 200
    row = Login.objects.get()
    assert (row, row.appid, row.channel) == (logged_in.login, ONE, "miniprogram")
    assert read_session_key(row)
    assert logged_in.login.person.user is alice


def test_the_login_is_one_that_ends(alice, wxauth_login):
    first, second = wxauth_login(alice), wxauth_login(alice)
    assert first.client.post("/api/wxauth/logout/").status_code == 204
    assert first.client.get(ME).status_code == 401
    assert second.client.get(ME).status_code == 200


def test_a_user_has_one_openid_in_an_app_and_one_identity_on_a_platform(alice, wxauth_login):
    logins = [wxauth_login(alice, appid).login for appid in (ONE, TWO, ONE)]
    assert [login.appid for login in logins] == [ONE, TWO, ONE]
    assert logins[0].openid == logins[2].openid != logins[1].openid
    assert (Identity.objects.count(), OpenId.objects.count()) == (1, 2)


def test_two_users_are_two_people(alice, wxauth_login):
    bob = get_user_model().objects.create_user("bob")
    assert wxauth_login(alice).login.openid != wxauth_login(bob).login.openid
    assert Person.objects.count() == 2


def test_somebody_who_was_here_keeps_openid_and_unionid(db, wxauth_login):
    openid = make_openid("bob")
    before = make_login(openid)
    after = wxauth_login(before.person.user)
    assert after.login.via == openid
    # The very object: what a test changes in it is what it sees through the login.
    assert after.login.person.user is before.person.user
    assert wxauth_login(before.person.user, TWO).login.via.identity == openid.identity
    assert Identity.objects.get().unionid == "union-bob"


def test_the_news_of_a_login_is_sent(alice, wxauth_login, django_capture_on_commit_callbacks):
    seen = []

    def receive(user, login, created, **kwargs):
        seen.append((user, login, created))

    logged_in_signal.connect(receive)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            login = wxauth_login(alice).login
    finally:
        logged_in_signal.disconnect(receive)
    assert seen == [(alice, login, False)]


def test_who_may_not_log_in_is_refused(alice, wxauth_login):
    alice.is_active = False
    alice.save()
    with pytest.raises(Blocked):
        wxauth_login(alice)
    assert not Login.objects.exists()


def test_an_app_that_is_not_configured_is_refused(alice, wxauth_login):
    with pytest.raises(UnknownApp):
        wxauth_login(alice, "wx404")


def test_the_token_does_not_show(alice, wxauth_login):
    logged_in = wxauth_login(alice)
    assert logged_in.token not in repr(logged_in)


@pytest.mark.waits
def test_no_settings_are_needed_to_import_the_helpers():
    code = "import sys, wxauth.testing; sys.exit('django.conf' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


class OrderTests(TestCase):
    """Django's own manner."""

    @classmethod
    def setUpTestData(cls):
        cls.alice = get_user_model().objects.create_user("alice")
        cls.logged_in = log_in(cls.alice)

    def test_one_login_serves_all_tests(self):
        assert self.logged_in.client.get(ME).status_code == 200

    def test_and_is_as_it_was_for_each(self):
        self.logged_in.client.post("/api/wxauth/logout/")
        assert self.logged_in.client.get(ME).status_code == 401
