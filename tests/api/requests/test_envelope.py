"""``WXAUTH["ENVELOPE"]``: for front ends that want every answer in one shape."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.phone import call, log_in

pytestmark = pytest.mark.django_db


def envelope(status: int, body: Any) -> tuple[int, Any]:
    """As many front ends in China have it."""
    if status < 400:
        return 200, {"code": 0, "msg": "ok", "data": body}
    return 200, {"code": status, "msg": body["code"], "data": body}


@pytest.fixture
def wrapped(configure):
    configure(ENVELOPE=f"{__name__}.envelope")


def test_an_envelope_is_put_around_every_answer(fake_wechat, client, wrapped):
    answer = log_in(client, fake_wechat)
    body = answer.json()
    assert (body["code"], body["msg"]) == (0, "ok")
    token = body["data"]["token"]
    me = call(client, "GET", "me/", token=token).json()
    assert me == {"code": 0, "msg": "ok", "data": body["data"]["user"]}
    logins = call(client, "GET", "me/logins/", token=token).json()
    assert len(logins["data"]) == 1


def test_an_envelope_is_put_around_nothing_too(fake_wechat, client, wrapped):
    token = log_in(client, fake_wechat).json()["data"]["token"]
    answer = call(client, "POST", "logout/", token=token)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == {"code": 0, "msg": "ok", "data": None}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "me/", None, 401, "not_authenticated"),
        ("GET", "nowhere/", None, 404, "not_found"),
        ("PUT", "login/", None, 405, "method_not_allowed"),
        ("POST", "login/", b"[", 400, "invalid_request"),
        ("POST", "login/", {"code": "wrong"}, 400, "invalid_code"),
    ],
)
def test_an_envelope_is_put_around_errors(
    fake_wechat, client, wrapped, method, path, body, status, code
):
    answer = call(client, method, path, body)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    inner = answer.json()
    assert (inner["code"], inner["msg"], inner["data"]["code"]) == (status, code, code)
