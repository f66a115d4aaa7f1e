"""The rows beside the simulated phone: everything that hangs on a person, and no secret."""

from __future__ import annotations

import json

import pytest
from django.db import OperationalError, connections

from tests.statements import capture_statements
from wxauth.testing.rows import read_rows, reverse_or_none

CODE = "/api/wxauth/login/"


@pytest.fixture
def kept_connection(monkeypatch):
    """The test's transaction lives on the connection that the sandbox would close."""
    monkeypatch.setattr(connections, "close_all", lambda: None)


@pytest.fixture
def log_in(client, fake_wechat):
    def log_in(name, appid=None):
        body = {"code": fake_wechat.login_code(name, appid)}
        if appid:
            body["appid"] = appid
        answer = client.post(CODE, body, content_type="application/json")
        assert answer.status_code == 200
        return answer.json()

    return log_in


@pytest.mark.django_db
def test_one_person_in_two_apps_is_one_tree(log_in, kept_connection):
    log_in("bob")
    log_in("alice")
    log_in("alice", "wx0000000000000002")
    alice, bob = read_rows()["people"]
    assert [one["appid"] for one in alice["identities"][0]["openids"]] == [
        "wx0000000000000001",
        "wx0000000000000002",
    ]
    assert [len(alice["identities"]), len(alice["logins"]), alice["loginCount"]] == [1, 2, 2]
    assert (alice["phone"], alice["nickname"], alice["blocked"]) == (None, "", False)
    assert all(login["live"] and login["hasSessionKey"] for login in alice["logins"])
    assert bob["id"] != alice["id"]


@pytest.mark.django_db
def test_nothing_secret_is_in_them(client, log_in, fake_wechat, kept_connection):
    answer = log_in("alice")
    sent = fake_wechat.phone_data("alice")
    headers = {"Authorization": f"Bearer {answer['token']}"}
    done = client.post("/api/wxauth/me/phone/", sent, "application/json", headers=headers)
    assert done.status_code == 200
    rows = read_rows()
    assert rows["people"][0]["phone"] == "+86138****8001"
    alice, appid = fake_wechat.person("alice"), fake_wechat.default_appid
    text = json.dumps(rows)
    for secret in (
        answer["token"],
        fake_wechat.session_key("alice"),
        alice.phone,
        alice.openid(appid),
        alice.unionid("default"),
    ):
        assert secret not in text


@pytest.mark.django_db
def test_a_login_that_ended_is_shown_as_such(client, log_in, kept_connection):
    answer = log_in("alice")
    headers = {"Authorization": f"Bearer {answer['token']}"}
    assert client.post("/api/wxauth/logout/", headers=headers).status_code == 204
    (login,) = read_rows()["people"][0]["logins"]
    assert (login["live"], login["ended"]) == (False, True)


@pytest.mark.django_db
def test_many_people_are_read_with_few_queries(log_in, fake_wechat, kept_connection):
    for n in range(8):
        fake_wechat.add_person(f"p{n}")
        log_in(f"p{n}")
    with capture_statements() as statements:
        assert len(read_rows()["people"]) == 6
    assert len(statements) <= 20


@pytest.mark.django_db
def test_a_database_without_tables_is_said(kept_connection, monkeypatch):
    def broken():
        raise OperationalError("no such table: wxauth_login")

    monkeypatch.setattr("wxauth.testing.rows._people", broken)
    assert read_rows() == {"people": [], "error": "OperationalError"}


def test_a_project_without_paths_has_no_links(settings):
    assert reverse_or_none("wxauth:login") == "/api/wxauth/login"
    assert reverse_or_none("nowhere:index") is None
    del settings.ROOT_URLCONF
    assert reverse_or_none("wxauth:login") is None
