"""One line in the log for every request, with what an operator looks for and nothing else."""

from __future__ import annotations

import json
import logging

import pytest
from django.db import OperationalError
from django.test import Client
from pythonjsonlogger.json import JsonFormatter

from wxauth.logging import QueryFilter, RequestFilter
from wxauth.models import Login
from wxauth.testing import faults

ONE = "wx0000000000000001"
REQUEST_ID = "0123456789abcdef"

pytestmark = pytest.mark.django_db


@pytest.fixture
def lines(caplog):
    """The lines so far, of one logger or all, as the JSON log has them."""
    caplog.handler.addFilter(RequestFilter())
    caplog.set_level(logging.INFO)
    formatter = JsonFormatter("{levelname} {name} {message}", style="{")

    def read(name=None):
        return [
            json.loads(formatter.format(record))
            for record in caplog.records
            if name in (None, record.name)
        ]

    return read


def send(method, path, body=None, token=None, query=""):
    headers = {"X-Request-ID": REQUEST_ID}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return Client(raise_request_exception=False).generic(
        method,
        f"/api/wxauth/{path}{query}",
        "" if body is None else json.dumps(body),
        "application/json",
        headers=headers,
    )


def test_a_login_and_what_follows_name_the_app_the_user_and_the_request(fake_wechat, lines):
    code = fake_wechat.login_code("alice", ONE)
    token = send("POST", "login/", {"code": code}).json()["token"]
    send("GET", "me/", None, token, query=f"?token={token}")
    user = str(Login.objects.get().person.user_id)
    entry, me = lines("wxauth.access")
    for line in (entry, me):
        assert line.pop("milliseconds") >= line["wechat_milliseconds"]
    assert entry.pop("wechat_milliseconds") >= 0
    same = {"name": "wxauth.access", "levelname": "INFO", "request_id": REQUEST_ID, "status": 200}
    same |= {"appid": ONE, "user": user, "code": ""}
    assert entry == {**same, "message": "POST login 200", "method": "POST", "path": "login"}
    assert me == {
        **same, "message": "GET me 200", "method": "GET", "path": "me", "wechat_milliseconds": 0,
    }  # fmt: skip
    written = json.dumps(lines())
    assert code not in written
    assert token not in written


def test_a_refusal_has_its_code_and_a_slow_wechat_its_time(fake_wechat, lines):
    fake_wechat.faults.add(faults.Slow(0.3))
    fake_wechat.faults.add(faults.html(502))
    send("POST", "login/", {"code": fake_wechat.login_code("alice", ONE)})
    answer = send("POST", "login/", {"code": fake_wechat.login_code("alice", ONE)})
    slow, refused = lines("wxauth.access")
    assert 300 <= slow["wechat_milliseconds"] <= slow["milliseconds"]
    assert (refused["levelname"], refused["status"], refused["code"], refused["appid"]) == (
        "WARNING", 503, answer.json()["code"], ONE,
    )  # fmt: skip
    # What WeChat did stands in a line of its own, found by the same id.
    assert {line["request_id"] for line in lines("wxauth.wechat")} == {REQUEST_ID}


def test_a_database_in_trouble_is_asked_no_more_for_the_log(lines, monkeypatch):
    asked = []

    def down(*arguments):
        asked.append(arguments)
        raise OperationalError("server closed the connection")

    monkeypatch.setattr("wxauth.authentication._find", down)
    assert send("GET", "me/", None, f"wxa_{'0' * 40}").status_code == 503
    assert len(asked) == 1
    (line,) = lines("wxauth.access")
    assert (line["levelname"], line["code"]) == ("WARNING", "database_unavailable")
    assert "server closed the connection" in lines("wxauth.api")[0]["message"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "wxa_a-token-in-the-path"), ("WXA_A-TOKEN", "me/")]
)
def test_what_a_caller_makes_up_is_not_written(lines, method, path):
    assert send(method, path).status_code in (404, 405, 401)
    (line,) = lines("wxauth.access")
    assert "TOKEN" not in json.dumps(line).upper().replace("INVALID_TOKEN", "")


def test_an_app_that_is_not_configured_is_not_written(lines):
    send("POST", "login/", {"code": "0" * 32, "appid": "a-secret-in-the-wrong-field"})
    (line,) = lines("wxauth.access")
    assert (line["code"], line["appid"]) == ("unknown_app", "")


def test_what_is_written_outside_of_a_request_has_an_empty_id(lines):
    logging.getLogger("elsewhere").info("A line.")
    assert [line["request_id"] for line in lines("elsewhere")] == [""]


# -- what Django logs beside it ----------------------------------------------------------------


@pytest.mark.parametrize("path", ["me/", "prefetch/", "nowhere/"])
def test_no_warning_of_djangos_holds_a_query(client, caplog, path):
    caplog.handler.addFilter(QueryFilter())
    client.get(f"/api/wxauth/{path}?token=wxa_t0ken&code=c0de")
    told = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert any("django.request" in text for text in told)
    assert not any("t0ken" in text or "c0de" in text for text in told)


def test_the_development_server_logs_no_query(caplog):
    caplog.handler.addFilter(QueryFilter())
    with caplog.at_level(logging.INFO, "django.server"):
        line = "GET /api/wxauth/prefetch/?token=wxa_t0ken HTTP/1.1"
        logging.getLogger("django.server").info('"%s" %s %s', line, "200", "113")
    assert caplog.messages == ['"GET /api/wxauth/prefetch/?… HTTP/1.1" 200 113']
