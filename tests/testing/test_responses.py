"""A project that mocks WeChat with the library ``responses`` in tests of its own."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
import responses

from tests.api.contract import assert_error
from tests.rows import ONE
from wxauth.models import OpenId

SESSION_KEY = "canary0canary0canary0w=="
CODE2SESSION = "https://api.weixin.qq.com/sns/jscode2session"
TOKEN = "https://api.weixin.qq.com/cgi-bin/stable_token"
PHONE = "https://api.weixin.qq.com/wxa/business/getuserphonenumber"
APPS = {ONE: {"SECRET": "canary-secret"}}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _the_real_wechat(settings):
    kept = {name: value for name, value in settings.WXAUTH.items() if name != "API_BASE"}
    settings.WXAUTH = {**kept, "SANDBOX": False, "APPS": APPS}


def log_in(client, **more):
    # Another code each time: one that came before is used.
    body = {"code": f"canary+{uuid4().hex}", **more}
    return client.post("/api/wxauth/login/", body, content_type="application/json")


@responses.activate
def test_a_login_is_seen_and_answered_and_shows_no_secret(client):
    responses.get(CODE2SESSION, json={"openid": "o-alice", "session_key": SESSION_KEY})
    answer = log_in(client)
    assert answer.status_code == 200, answer.content
    assert OpenId.objects.get().openid == "o-alice"
    (call,) = responses.calls
    assert call.request.url == (
        f"{CODE2SESSION}?appid={ONE}&secret=(secret)&js_code=(js_code)"
        "&grant_type=authorization_code"
    )
    assert "canary" not in repr(vars(call.request))


@responses.activate
def test_a_refusal_is_the_refusal_of_wechat(client):
    responses.get(CODE2SESSION, json={"errcode": 40029, "errmsg": "invalid code"})
    assert_error(log_in(client), "invalid_code")


@responses.activate
def test_a_server_that_is_not_there_is_unavailable(client):
    responses.get(CODE2SESSION, body=ConnectionError("no network in tests"))
    assert_error(log_in(client), "wechat_unavailable")


@responses.activate
def test_what_is_posted_is_seen_as_stars(client):
    responses.get(CODE2SESSION, json={"openid": "o-alice", "session_key": SESSION_KEY})
    responses.post(TOKEN, json={"access_token": "canary-token", "expires_in": 7200})
    number = {
        "countryCode": "86",
        "purePhoneNumber": "13800138001",
        "watermark": {"timestamp": 1, "appid": ONE},
    }
    responses.post(PHONE, json={"errcode": 0, "phone_info": number})
    answer = log_in(client, phone_code="canary-phone-code")
    assert json.loads(answer.content)["user"]["phone"] == "+8613800138001"
    _, token, phone = (call.request for call in responses.calls)
    assert phone.url == f"{PHONE}?access_token=(access_token)"
    assert set(token.body) == set(phone.body) == set(b"*")
