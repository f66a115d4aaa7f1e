"""POST login/: what a mini-program sends and what it gets."""

from __future__ import annotations

import pytest

from wxauth.models import Login, OpenId, Person

pytestmark = pytest.mark.django_db


def test_alice_logs_in_and_becomes_a_user(fake_wechat, client):
    code = fake_wechat.login_code("alice")
    answer = client.post("/api/wxauth/login/", {"code": code}, content_type="application/json")
    print(answer.json())
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert set(body) == {
        "token", "token_type", "expires_in", "expires_at", "created", "user", "warnings", "extra",
    }
    me = client.get("/api/wxauth/me", headers={"Authorization": f"Bearer {body['token']}"})
    assert me.json() == body["user"]
