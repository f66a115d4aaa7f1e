"""A WeChat in trouble takes nothing else down, and logins are back as soon as it is."""

from __future__ import annotations

import threading
import time
from urllib.parse import urlsplit

import pytest
from django.db import connections
from django.test import Client

from wxauth.testing import FakeWeChat, FakeWeChatServer, faults
from wxauth.wiring import get_guard

ONE = "wx0000000000000001"

pytestmark = pytest.mark.django_db(transaction=True)


def log_in(fake):
    body = {"code": fake.login_code("alice", ONE)}
    return Client().post("/api/wxauth/login/", body, content_type="application/json")


@pytest.mark.waits
def test_while_logins_hang_everybody_else_is_answered(fake_wechat, settings):
    settings.WXAUTH = {**settings.WXAUTH, "CONCURRENCY": 2}
    token = log_in(fake_wechat).json()["token"]
    fake_wechat.faults.add(faults.Slow(2.5), times=None)
    answers = []

    def hang():
        try:
            answers.append(log_in(fake_wechat).status_code)
        finally:
            connections.close_all()

    hanging = [threading.Thread(target=hang) for _ in range(2)]
    for thread in hanging:
        thread.start()
    while len(fake_wechat.calls) < 3:
        time.sleep(0.01)

    refused = [log_in(fake_wechat) for _ in range(20)]
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.json()["code"] for answer in refused} == {"wechat_unavailable"}
    assert all(answer["Retry-After"] for answer in refused)
    for _ in range(20):
        me = Client().get("/api/wxauth/me/", headers={"authorization": f"Bearer {token}"})
        assert me.status_code == 200
    assert answers == []
    assert len(fake_wechat.calls) == 3

    fake_wechat.faults.clear()
    for thread in hanging:
        thread.join()
    assert answers == [200, 200]
    assert log_in(fake_wechat).status_code == 200


@pytest.fixture
def wechat(settings):
    """Start a WeChat, always at the same address."""
    with FakeWeChatServer(FakeWeChat()) as server:
        port = urlsplit(server.url).port
    settings.WXAUTH = {**settings.WXAUTH, "API_BASE": server.url}

    def start():
        fake = FakeWeChat()
        fake.add_app(ONE, "secret-of-app-one")
        return FakeWeChatServer(fake, port=port)

    return start


@pytest.mark.waits
def test_a_wechat_that_refused_connections_is_back_within_seconds(wechat):
    with wechat() as server:
        assert log_in(server.fake).status_code == 200
    codes = {log_in(server.fake).json()["code"] for _ in range(30)}
    assert codes == {"wechat_unavailable"}
    assert get_guard().circuit(ONE, "login").is_open
    with wechat() as server:
        ends = time.monotonic() + 10
        while (answer := log_in(server.fake)).status_code != 200:
            assert answer.status_code == 503
            assert int(answer["Retry-After"]) <= 4
            assert time.monotonic() < ends
            time.sleep(0.05)
        assert log_in(server.fake).status_code == 200
        assert len(server.fake.calls) == 2
