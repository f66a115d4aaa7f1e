"""The database commits, and its connection dies before it has said so.

Nobody can know which of the two it was, so the story is told again: it must find what it has done.
"""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection
from django.test import Client

from tests.api.phone import APP_TWO, Phone, call, log_in
from wxauth.models import Identity, Login, OpenId, Person
from wxauth.signals import linked, logged_in, signed_up

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lose_commit():
    """The next commit is done, and not heard of."""

    def lose_commit():
        def commit():
            del connection._commit  # What the class has is the real one.
            connection._commit()
            lost.append(True)
            raise OperationalError("the connection was lost")

        lost.append(False)
        connection._commit = commit

    lost = []
    yield lose_commit
    assert lost.count(True) == lost.count(False) > 0


@pytest.fixture
def heard():
    """Which news there were, in the order of arrival."""
    signals = {signed_up: "signed_up", logged_in: "logged_in", linked: "linked"}
    news = []

    def hear(signal, **kwargs):
        news.append(signals[signal])

    for signal in signals:
        signal.connect(hear)
    yield news
    for signal in signals:
        signal.disconnect(hear)


def rows():
    return [model.objects.count() for model in (get_user_model(), Person, Identity, OpenId, Login)]


def test_alice_signs_up_once_and_is_told_so(fake_wechat, lose_commit, heard):
    lose_commit()
    body = log_in(Client(), fake_wechat).json()
    assert body["created"]
    assert rows() == [1, 1, 1, 1, 1]
    assert heard == ["signed_up", "logged_in"]
    assert call(Client(), "GET", "me/", token=body["token"]).json() == body["user"]


def test_alice_logs_in_again_once(fake_wechat, lose_commit, heard):
    Phone(fake_wechat, "alice")
    heard.clear()
    lose_commit()
    assert log_in(Client(), fake_wechat).json()["created"] is False
    assert rows() == [1, 1, 1, 1, 2]
    assert heard == ["logged_in"]


@pytest.fixture
def two_platforms(fake_wechat, settings):
    """The two apps belong to two businesses: nothing but the person links them."""
    fake_wechat.add_app(APP_TWO, settings.WXAUTH["APPS"][APP_TWO]["SECRET"], platform="second")
    apps = {**settings.WXAUTH["APPS"]}
    apps[APP_TWO] = {**apps[APP_TWO], "PLATFORM": "second"}
    settings.WXAUTH = {**settings.WXAUTH, "APPS": apps}


def test_alice_adds_an_app_once_and_removes_it_again(
    fake_wechat, lose_commit, heard, two_platforms
):
    alice = Phone(fake_wechat, "alice")
    heard.clear()
    lose_commit()
    body = {"code": fake_wechat.login_code("alice", APP_TWO), "appid": APP_TWO}
    assert alice.post("link/", body).status_code == 200
    assert rows() == [1, 1, 2, 2, 2]
    assert sorted(heard) == ["linked", "logged_in"]
    added = Identity.objects.latest("pk")
    lose_commit()
    # Told again, it finds nothing any more: gone is gone.
    assert alice.delete(f"me/identities/{added.pk}/").status_code == 404
    assert rows() == [1, 1, 1, 1, 1]


def test_alice_changes_her_name_and_logs_out(fake_wechat, lose_commit):
    alice = Phone(fake_wechat, "alice")
    lose_commit()
    assert alice.post("me/", {"nickname": "Alice"}).status_code == 200
    assert alice.me()["nickname"] == "Alice"
    lose_commit()
    assert alice.post("logout/").status_code in (200, 204)
    assert alice.get("me/").status_code == 401
