"""The database commits, and its connection dies before it has said so.

Nobody can know which of the two it was, so the story is told again: it must find what it has done.
"""

from __future__ import annotations

import io

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.test import Client
from PIL import Image

from tests.api.phone import APP_ONE, APP_TWO, ROOT, Phone, bearer, call, log_in
from wxauth import get_access_token
from wxauth.models import Event, Identity, Login, OpenId, Person
from wxauth.signals import linked, logged_in, signed_up, unlinked

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
    signals = {
        signed_up: "signed_up", logged_in: "logged_in", linked: "linked", unlinked: "unlinked",
    }  # fmt: skip
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
    heard.clear()
    gone = alice.delete(f"me/identities/{added.pk}/")
    assert gone.status_code == 204
    assert rows() == [1, 1, 1, 1, 1]
    assert heard == ["unlinked"]
    assert Event.objects.filter(kind="unlinked").count() == 1
    # The next request is another story: there is nothing any more.
    assert alice.delete(f"me/identities/{added.pk}/").status_code == 404


def test_alice_changes_her_name_and_logs_out(fake_wechat, lose_commit):
    alice = Phone(fake_wechat, "alice")
    lose_commit()
    assert alice.post("me/", {"nickname": "Alice"}).status_code == 200
    assert alice.me()["nickname"] == "Alice"
    lose_commit()
    assert alice.post("logout/").status_code in (200, 204)
    assert alice.get("me/").status_code == 401


def test_alice_ends_the_login_of_her_other_phone(fake_wechat, lose_commit):
    alice, other = Phone(fake_wechat, "alice"), Phone(fake_wechat, "alice")
    lose_commit()
    assert alice.delete(f"me/logins/{other.login.pk}/").status_code == 204
    assert other.get("me/").status_code == 401


def test_what_alice_encrypted_is_taken_in_once_and_no_failure(fake_wechat, lose_commit):
    alice = Phone(fake_wechat, "alice")
    lose_commit()
    assert alice.post("me/phone/", fake_wechat.phone_data("alice")).status_code == 200
    assert alice.me()["phone"]
    lose_commit()
    assert alice.post("me/userinfo/", alice.user_info(real=True)).status_code == 200
    assert alice.me()["nickname"]
    steps = alice.encrypt({"stepInfoList": []})
    lose_commit()
    assert alice.post("decrypt/", steps).json()["data"]["stepInfoList"] == []
    assert OpenId.objects.get().failures == 0
    # Of the next request it is known that it was used.
    assert alice.post("decrypt/", steps).json()["code"] == "undecryptable"


def upload(phone):
    picture = io.BytesIO()
    Image.new("RGB", (100, 100), "red").save(picture, "PNG")
    file = SimpleUploadedFile("a.png", picture.getvalue())
    return Client().post(f"{ROOT}me/avatar/", {"avatar": file}, headers=bearer(phone.token))


def test_alice_keeps_her_new_picture_and_the_former_file_goes(
    fake_wechat, lose_commit, settings, tmp_path
):
    settings.MEDIA_ROOT = tmp_path
    alice = Phone(fake_wechat, "alice")
    assert upload(alice).status_code == 200
    lose_commit()
    assert upload(alice).status_code == 200
    (left,) = tmp_path.rglob("*.jpg")
    assert alice.me()["avatar"].endswith(left.name)
    lose_commit()
    assert alice.delete("me/avatar/").status_code == 200
    assert alice.me()["avatar"] is None
    assert not list(tmp_path.rglob("*.jpg"))


def test_alice_gives_her_number_by_code_once(fake_wechat, lose_commit):
    alice = Phone(fake_wechat, "alice")
    get_access_token(APP_ONE)
    lose_commit()
    body = {"phone_code": fake_wechat.phone_code("alice")}
    assert alice.post("me/phone/", body).status_code == 200
    assert alice.me()["phone"]
