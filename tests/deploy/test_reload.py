"""A reload is not noticed."""

from __future__ import annotations

import time

import pytest

from .conftest import FULL
from .stack import APPID
from .traffic import Connection, Traffic, quantile, tell

pytestmark = pytest.mark.slow


def test_two_reloads_under_load_fail_no_request_and_break_no_connection(stack, seconds):
    with Traffic(stack, connections=16, rate=100) as traffic:
        traffic.wait(100)
        begun = time.monotonic()
        for _ in range(2):
            traffic.wait(100 * seconds(3, 20))
            stack.gunicorn.reload()
        traffic.wait(100 * seconds(3, 20))
    took = time.monotonic() - begun
    tell(f"two reloads in {took:.0f} s", traffic.got)
    assert {got.status for got in traffic.got} == {200}
    assert traffic.opened == 16
    if FULL:
        assert len(traffic.since(begun)) > 100 * took * 0.9
        assert quantile(traffic.got, 50) < 100


def test_a_reload_takes_the_new_app_secret_from_env(stack):
    """WeChat's console has made a new one, and the old one is dead."""
    fake, former = stack.wechat.fake, stack.project.settings["WXAUTH_SECRET"]
    connection = Connection(stack)

    def log_in():
        body = {"code": fake.login_code("phone-0", APPID)}
        return connection.ask("POST", "/api/wxauth/login/", body)[0]

    try:
        for secret in ("the-next-secret-of-app-one", former):
            fake.add_app(APPID, secret)
            assert log_in() == 503
            stack.project.configure(WXAUTH_SECRET=secret)
            stack.gunicorn.reload()
            assert {log_in() for _ in range(20)} == {200}
    finally:
        connection.close()
