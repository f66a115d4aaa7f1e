"""Who becomes a user, who does not, and what the project's adapter has to say about it."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from tests.api.contract import assert_error
from tests.api.phone import APP_TWO, Phone, log_in
from wxauth.adapter import Adapter
from wxauth.models import Login, OpenId, Person

pytestmark = pytest.mark.django_db


# -- signup: false, SIGNUP ---------------------------------------------------------------------


def test_a_stranger_who_only_asks_is_not_registered(fake_wechat, client, assert_nothing_written):
    assert_error(log_in(client, fake_wechat, signup=False), "not_registered")


def test_somebody_known_who_only_asks_is_logged_in(fake_wechat, client, alice):
    body = log_in(client, fake_wechat, "alice", signup=False).json()
    assert body["created"] is False


def test_somebody_known_in_another_app_of_the_platform_is_no_stranger(fake_wechat, client, alice):
    answer = log_in(client, fake_wechat, "alice", signup=False, appid=APP_TWO)
    assert answer.status_code == 200
    assert answer.json()["user"]["id"] == alice.me()["id"]


def test_where_signup_is_closed_a_stranger_is_not_registered(
    fake_wechat, client, configure, assert_nothing_written
):
    configure(SIGNUP="closed")
    assert_error(log_in(client, fake_wechat), "not_registered")


def test_where_signup_is_closed_those_who_are_there_log_in(fake_wechat, client, alice, configure):
    configure(SIGNUP="closed")
    assert log_in(client, fake_wechat, "alice").status_code == 200


# -- people who may not log in -----------------------------------------------------------------


def shut_out(person: Person, how: str) -> None:
    if how == "inactive":
        get_user_model().objects.filter(pk=person.pk).update(is_active=False)
    else:
        Person.objects.filter(pk=person.pk).update(blocked_at=timezone.now())


@pytest.mark.parametrize("how", ["inactive", "blocked"])
def test_who_is_shut_out_is_blocked_and_leaves_no_login(fake_wechat, client, alice, how):
    shut_out(alice.row, how)
    assert_error(log_in(client, fake_wechat, "alice"), "blocked")
    assert Login.objects.count() == 1


@pytest.mark.parametrize("how", ["inactive", "blocked"])
def test_who_is_shut_out_does_not_come_in_through_another_app(fake_wechat, client, alice, how):
    shut_out(alice.row, how)
    assert_error(log_in(client, fake_wechat, "alice", appid=APP_TWO), "blocked")
    assert OpenId.objects.count() == 1


# -- the adapter -------------------------------------------------------------------------------


class BuildsNamed(Adapter):
    def build_user(self, *, extra, **about):
        return get_user_model()(username=extra["name"])


def test_the_adapter_builds_the_user_from_what_came_along(fake_wechat, client, adapter):
    adapter(BuildsNamed)
    log_in(client, fake_wechat, extra={"name": "invited-by-bob"})
    assert get_user_model().objects.get().username == "invited-by-bob"


def test_without_an_adapter_of_its_own_a_project_gets_users_without_password(
    fake_wechat, client, configure
):
    configure(ADAPTER="wxauth.adapter.Adapter")
    assert log_in(client, fake_wechat).status_code == 200
    assert not get_user_model().objects.get().has_usable_password()


class SaysNo(Adapter):
    def build_user(self, *, extra, **about):
        self.refuse(code="too_young", detail="Come back when you are eighteen.")


class SaysNoBriefly(Adapter):
    def find_user(self, **about):
        self.refuse()


def test_the_adapter_refuses_in_its_own_words(fake_wechat, client, adapter, assert_nothing_written):
    adapter(SaysNo)
    answer = log_in(client, fake_wechat)
    assert answer.status_code == 403
    assert answer.json() == {
        "code": "too_young",
        "detail": "Come back when you are eighteen.",
        "action": "stop",
    }


def test_the_adapter_may_refuse_without_a_word(
    fake_wechat, client, adapter, assert_nothing_written
):
    adapter(SaysNoBriefly)
    assert_error(log_in(client, fake_wechat), "signup_refused")


def test_the_adapter_is_not_asked_about_people_whom_wxauth_knows(
    fake_wechat, client, alice, adapter
):
    adapter(SaysNo)
    assert log_in(client, fake_wechat, "alice").status_code == 200


class Welcomes(Adapter):
    def login_payload(self, *, user, login, created):
        return {"jwt": f"for-{user.pk}", "appid": login.appid, "first": created}


def test_what_the_adapter_adds_stands_under_extra(fake_wechat, client, adapter):
    adapter(Welcomes)
    body = log_in(client, fake_wechat).json()
    expected = {"jwt": f"for-{body['user']['id']}", "appid": "wx0000000000000001", "first": True}
    assert body["extra"] == expected
    assert log_in(client, fake_wechat).json()["extra"]["first"] is False


class RemembersCarol(Adapter):
    """A project whose users were there before wxauth."""

    def find_user(self, *, app, openid, unionid, phone, extra):
        assert phone is None
        return get_user_model().objects.filter(username="carol").first()


@pytest.fixture
def carol():
    return get_user_model().objects.create(username="carol")


def test_a_user_whom_the_adapter_finds_is_adopted(fake_wechat, client, adapter, carol):
    adapter(RemembersCarol)
    body = log_in(client, fake_wechat, "alice").json()
    assert body["user"]["id"] == str(carol.pk)
    assert body["created"] is False
    assert get_user_model().objects.count() == 1


def test_a_found_user_who_has_an_openid_in_this_app_is_passed_over(
    fake_wechat, client, adapter, carol
):
    """Two people of one app are never one user."""
    adapter(RemembersCarol)
    log_in(client, fake_wechat, "alice")
    body = log_in(client, fake_wechat, "eve").json()
    assert body["user"]["id"] != str(carol.pk)
    assert body["created"] is True


def test_a_found_user_who_has_an_openid_in_another_app_only_is_adopted(
    fake_wechat, client, adapter, carol
):
    fake_wechat.add_person("alice", unionid=None)
    adapter(RemembersCarol)
    log_in(client, fake_wechat, "alice")
    body = log_in(client, fake_wechat, "alice", appid=APP_TWO).json()
    assert body["user"]["id"] == str(carol.pk)


def test_a_found_user_who_is_inactive_is_blocked_and_not_adopted(
    fake_wechat, client, adapter, carol
):
    adapter(RemembersCarol)
    shut_out(carol, "inactive")
    assert_error(log_in(client, fake_wechat, "alice"), "blocked")
    assert not OpenId.objects.exists()


class Stumbles(Adapter):
    def build_user(self, *, extra, **about):
        raise KeyError("a bug of the project")


def test_a_bug_in_the_adapter_is_an_internal_error_and_writes_nothing(
    fake_wechat, client, adapter, caplog, assert_nothing_written
):
    adapter(Stumbles)
    client.raise_request_exception = False
    answer = log_in(client, fake_wechat)
    assert_error(answer, "internal_error")
    assert "a bug of the project" not in answer.content.decode()
    assert "a bug of the project" in caplog.text


def test_alice_who_was_deleted_comes_back_as_somebody_new(fake_wechat, alice):
    old = alice.me()["id"]
    get_user_model().objects.get(pk=old).delete()
    assert Phone(fake_wechat, "alice").me()["id"] != old
