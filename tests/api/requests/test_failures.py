"""What goes wrong on our own side: the database, a bug, a wrong setting."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, contextmanager

import pytest
from django.core.signals import got_request_exception
from django.db import InterfaceError, InternalError, OperationalError, connection, connections

from tests.api.contract import CONTRACT, PAGES, assert_error
from tests.api.phone import Phone, call, log_in
from wxauth.api import errors
from wxauth.models import Login
from wxauth.services.login import logout


@contextmanager
def broken_database(error: Exception, *, times: int = 1_000, verb: str = ""):
    """Every statement (that begins with this verb) fails, so many times."""
    failed = []

    def execute(run, sql, params, many, context):
        if len(failed) < times and sql.startswith(verb):
            failed.append(sql)
            raise error
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield failed


DOWN = [
    OperationalError("server closed the connection unexpectedly"),
    OperationalError("database is locked"),
    InterfaceError("connection already closed"),
    InternalError("cannot execute UPDATE in a read-only transaction"),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", DOWN, ids=str)
def test_a_database_that_is_down_is_unavailable(fake_wechat, client, error):
    alice = Phone(fake_wechat, "alice")
    with broken_database(error):
        assert_error(alice.get("me/"), "database_unavailable", retry_after=2)
        assert_error(log_in(client, fake_wechat), "database_unavailable", retry_after=2)
    assert alice.get("me/").status_code == 200


@pytest.fixture
def writer():
    """Somebody else, who has begun to write; ``rollback()`` ends it."""
    if connection.vendor != "sqlite":
        pytest.skip("Elsewhere there is room for more than one.")
    file = connection.settings_dict["NAME"]
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    with closing(other):
        other.execute("BEGIN IMMEDIATE")
        yield other


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_a_writer_in_vain_is_told_to_come_back(
    fake_wechat, client, writer, monkeypatch
):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.05)
    connection.close()
    assert_error(log_in(client, fake_wechat), "database_unavailable", retry_after=2)
    writer.rollback()
    assert log_in(client, fake_wechat).status_code == 200


@pytest.mark.waits
@pytest.mark.django_db(transaction=True)
def test_who_waits_for_a_writer_of_a_second_is_let_in(fake_wechat, client, writer):
    threading.Timer(1, writer.rollback).start()
    assert log_in(client, fake_wechat).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", ["UPDATE", "INSERT"])
@pytest.mark.parametrize("error", [DOWN[1], DOWN[3]], ids=str)
def test_a_database_that_cannot_write_lets_people_read(fake_wechat, client, error, verb):
    alice = Phone(fake_wechat, "alice")
    with broken_database(error, verb=verb):
        assert alice.get("me/").status_code == 200
        refused = (
            alice.post("me/", {"nickname": "alice"})
            if verb == "UPDATE"
            else log_in(client, fake_wechat)
        )
        assert_error(refused, "database_unavailable")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [DOWN[0], DOWN[2]], ids=str)
def test_a_connection_that_died_while_it_lay_idle_is_replaced(fake_wechat, client, error):
    alice = Phone(fake_wechat, "alice")
    for act in (
        lambda: alice.get("me/"),
        lambda: log_in(client, fake_wechat),
        lambda: call(client, "POST", "logout/", token=alice.token),
    ):
        with broken_database(error, times=1) as failed:
            assert act().status_code < 300
        assert len(failed) == 1


@pytest.fixture
def kept(monkeypatch):
    """Keeps the connection as a server does between two requests. Answers who asks whether it
    lives from then on."""
    ours = connections["default"]
    is_usable = type(ours).is_usable
    checks = []

    def check(self):
        checks.append(self)
        return is_usable(self)

    def keep():
        ours.health_check_done = False
        checks.clear()
        return checks

    monkeypatch.setattr(type(ours), "is_usable", check)
    monkeypatch.setattr(ours, "health_check_enabled", True)
    return keep


def end_connection():
    """The server ends it, as a firewall or a restart does."""
    other = connection.copy()
    with connection.cursor() as cursor, other.cursor() as killer:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_backend_pid()")
            killer.execute("SELECT pg_terminate_backend(%s, 5000)", cursor.fetchone())
        else:
            cursor.execute("SELECT CONNECTION_ID()")
            killer.execute("KILL %s", cursor.fetchone())
    other.close()


@pytest.mark.django_db(transaction=True)
def test_nobody_asks_first_whether_a_kept_connection_lives(fake_wechat, client, kept):
    alice = Phone(fake_wechat, "alice")
    checks = kept()
    assert alice.get("me/").status_code == 200
    assert checks == []
    checks = kept()
    assert log_in(client, fake_wechat).status_code == 200
    assert checks == []


@pytest.mark.skipif(connection.vendor == "sqlite", reason="It has no server.")
@pytest.mark.django_db(transaction=True)
def test_a_kept_connection_that_has_died_costs_nobody_an_answer(fake_wechat, client, kept):
    alice = Phone(fake_wechat, "alice")
    for act in (
        lambda: alice.get("me/"),
        lambda: log_in(client, fake_wechat),
        lambda: log_in(client, fake_wechat, "bob"),
        lambda: alice.post("me/", {"nickname": "alice"}),
    ):
        end_connection()
        kept()
        assert act().status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_login_that_met_a_deadlock_is_told_again_and_wechat_is_not(fake_wechat, client):
    with broken_database(OperationalError("deadlock detected"), times=2, verb="INSERT"):
        assert log_in(client, fake_wechat).status_code == 200
    assert len(fake_wechat.calls) == 1
    assert Login.objects.count() == 1


@pytest.mark.django_db
def test_a_bug_is_an_internal_error_that_is_logged_whole_and_never_shown(
    alice, monkeypatch, caplog
):
    def stumble(**kwargs):
        raise ZeroDivisionError("a detail of the inside")

    heard = []

    def hear(sender, request, **kwargs):
        heard.append(request.path)

    monkeypatch.setattr(logout, "list_logins", stumble)
    alice.client.raise_request_exception = False
    got_request_exception.connect(hear)
    try:
        answer = alice.get("me/logins/")
    finally:
        got_request_exception.disconnect(hear)
    assert_error(answer, "internal_error")
    assert "inside" not in answer.content.decode()
    assert "ZeroDivisionError: a detail of the inside" in caplog.text
    assert heard == ["/api/wxauth/me/logins/"]


@pytest.mark.django_db
@pytest.mark.parametrize("debug", [True, False])
def test_a_debug_page_is_no_answer_of_ours(alice, monkeypatch, settings, debug):
    def stumble(**kwargs):
        raise ZeroDivisionError

    settings.DEBUG = debug
    monkeypatch.setattr(logout, "list_logins", stumble)
    alice.client.raise_request_exception = False
    assert_error(alice.get("me/logins/"), "internal_error")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [
        {"APPS": {"wx0000000000000001": "secret-in-the-wrong-place"}},
        {"APPS": {"wx0000000000000001": {}}},
        {"ENCRYPTION_KEYS": []},
        {"ENCRYPTION_KEYS": ["secret-in-the-wrong-place"]},
        {"ADAPTER": "wxauth.conf.conf"},
    ],
    ids=repr,
)
def test_a_wrong_setting_is_the_operators_to_mend(fake_wechat, client, configure, caplog, wrong):
    code = fake_wechat.login_code("alice")
    configure(**wrong)
    answer = call(client, "POST", "login/", {"code": code})
    assert_error(answer, "misconfigured")
    assert "misconfigured" in caplog.text
    assert "secret-in-the-wrong-place" not in caplog.text + answer.content.decode()


def test_every_row_of_the_code_is_a_row_of_the_contract():
    rows = {row.code: (row.status, row.action) for _, row in errors.TABLE}
    row = errors.INTERNAL_ERROR
    rows[row.code] = (row.status, row.action)
    assert rows == CONTRACT | PAGES


def test_a_subclass_of_an_error_has_the_row_of_its_base():
    kinds = [kind for kind, _ in errors.TABLE]
    for position, kind in enumerate(kinds):
        shadowing = [earlier for earlier in kinds[:position] if issubclass(kind, earlier)]
        assert shadowing == []
