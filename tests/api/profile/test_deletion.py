"""DELETE me/, me/deletion/cancel/, me/export/: people take their data back."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from django.core.cache import cache

from tests.api.contract import assert_error
from tests.api.phone import log_in
from tests.statements import capture_statements
from wxauth.adapter import Adapter
from wxauth.models import Person
from wxauth.services import limits

pytestmark = pytest.mark.django_db


@pytest.fixture
def counted(configure, monkeypatch):
    """The limits that are shipped, with nothing counted yet."""
    monkeypatch.setattr(limits, "_windows", limits._Windows())
    cache.clear()
    configure(LIMITS={})


def test_asking_is_answered_with_the_user_object_and_everything_goes_on(alice, fake_wechat, client):
    answer = alice.delete("me/")
    assert answer.status_code == 200
    user = answer.json()
    due_at = datetime.fromisoformat(user["deletion_due_at"].replace("Z", "+00:00"))
    in_a_week = datetime.now(timezone.utc) + timedelta(days=7)
    assert abs((due_at - in_a_week).total_seconds()) < 60
    assert alice.me() == user
    assert alice.post("me/", {"nickname": "Alice"}).status_code == 200
    assert (
        log_in(client, fake_wechat, "alice").json()["user"]["deletion_due_at"]
        == (user["deletion_due_at"])
    )


def test_it_is_taken_back(alice):
    alice.delete("me/")
    for _ in range(2):
        answer = alice.post("me/deletion/cancel/")
        assert answer.status_code == 200
        assert answer.json()["deletion_due_at"] is None
    assert alice.me()["deletion_due_at"] is None


def test_what_the_adapter_says_reaches_the_phone(alice, adapter):
    class Shop(Adapter):
        def refuse_deletion(self, *, user):
            return "您有未完成的订单"

    adapter(Shop)
    answer = alice.delete("me/")
    assert_error(answer, "deletion_refused")
    assert answer.json()["detail"] == "您有未完成的订单"
    assert alice.me()["deletion_due_at"] is None


def test_nobody_deletes_or_exports_anybody_else(alice, bob):
    alice.delete("me/")
    assert bob.me()["deletion_due_at"] is None
    assert Person.objects.filter(deletion_due_at__isnull=False).get() == alice.row
    told = bob.get("me/export/").json()
    assert [account["id"] for account in told["accounts"]] == [bob.me()["id"]]


def test_without_a_token_nothing_is_asked_for_or_told(alice, client):
    for method, path in (
        ("DELETE", "me/"), ("POST", "me/deletion/cancel/"), ("GET", "me/export/"),
    ):  # fmt: skip
        answer = client.generic(method, f"/api/wxauth/{path}", "")
        assert_error(answer, "not_authenticated")


def test_asking_has_a_limit(alice, counted):
    for _ in range(10):
        assert alice.delete("me/").status_code == 200
    assert_error(alice.delete("me/"), "rate_limited")
    assert alice.post("me/deletion/cancel/").status_code == 200


def test_the_export_is_the_persons_own_with_the_number_in_full(alice, fake_wechat):
    alice.post("me/phone/", {"phone_code": fake_wechat.phone_code("alice")})
    alice.post("me/", {"nickname": "Alice"})
    answer = alice.get("me/export/")
    assert answer.status_code == 200
    told = answer.json()
    (account,) = told["accounts"]
    assert account["nickname"] == "Alice"
    assert account["phone"] == alice.me()["phone"]
    assert told["identities"][0]["openids"][0]["openid"] == alice.login.openid
    assert len(told["logins"]) == 1
    text = answer.content.decode()
    row = alice.login
    for secret in (row.sealed_session_key, row.digest, alice.token, row.person.phone_hash,
                   row.person.sealed_phone, row.person.phone_tail):  # fmt: skip
        assert secret not in text


def test_a_picture_in_the_export_can_be_fetched(alice, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    Person.objects.update(avatar="wxauth/avatars/alice.jpg")
    (account,) = alice.get("me/export/").json()["accounts"]
    assert account["avatar"] == alice.me()["avatar"]
    assert account["avatar"].startswith("http://testserver/")


def test_the_project_adds_its_own_rows(alice, adapter):
    class Shop(Adapter):
        def export_user(self, *, user):
            return {**super().export_user(user=user), "orders": [{"text": "tea"}]}

    adapter(Shop)
    (account,) = alice.get("me/export/").json()["accounts"]
    assert account["user"]["orders"] == [{"text": "tea"}]
    assert account["user"]["username"]


def test_everything_is_told_twice_a_day(alice, counted):
    for _ in range(2):
        assert alice.get("me/export/").status_code == 200
    assert_error(alice.get("me/export/"), "rate_limited")


def test_the_export_costs_the_same_however_much_there_is(alice):
    def cost():
        with capture_statements() as statements:
            assert alice.get("me/export/").status_code == 200
        return len(statements)

    few = cost()
    for _ in range(5):
        alice.log_in()
    assert cost() == few <= 7
