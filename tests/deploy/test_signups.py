"""Strangers sign up while the database breaks: nobody is lost, and nobody is there twice."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing

import pytest

from .stack import APPID, Postgres
from .traffic import Connection, SignUps

pytestmark = pytest.mark.slow

TRY_AGAIN = {(503, "database_unavailable")}


def test_the_database_is_stopped_at_once_again_and_again(stack, seconds):
    with SignUps(stack) as people:
        for _ in range(seconds(3, 20)):
            people.wait(10)
            stack.database.crash()
            time.sleep(seconds(1, 5))
            stack.database.start()
        people.wait(10)
    print(f"\nstopped at once: {len(people.let_in)} let in, refused: {dict(people.refused)}")
    assert set(people.refused) == TRY_AGAIN
    people.check()


def test_connections_are_killed_all_the_time(stack, seconds):
    with SignUps(stack) as people:
        for _ in range(seconds(20, 300)):
            stack.database.kill_connections()
            time.sleep(0.1)
        people.wait(10)
    print(f"\nkilled: {len(people.let_in)} let in, refused: {dict(people.refused)}")
    assert set(people.refused) <= TRY_AGAIN
    people.check()


@pytest.fixture
def servers(folder, on_postgres):
    """Start a server of PostgreSQL; all end with the test."""
    with ExitStack() as running:

        def start(name, **options):
            server = Postgres(folder, f"postgres-{name}", **options)
            running.callback(server.end)
            server.start()
            return server

        yield start


def test_the_database_dies_and_its_replica_takes_over(stack, servers):
    """What it has said to a phone, its replica has: ``synchronous_standby_names``."""
    primary = servers("primary")
    with stack.moved_to(primary):
        replica = servers("standby", copy_of=primary)
        primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.sql("SELECT pg_reload_conf()")
        with SignUps(stack) as people:
            people.wait(20)
            primary.crash()
            time.sleep(1)
            replica.sql("SELECT pg_promote()")
            stack.move_to(replica)
            people.wait(20)
        print(f"\nfailed over: {len(people.let_in)} let in, refused: {dict(people.refused)}")
        assert set(people.refused) <= TRY_AGAIN
        people.check()


#: What a project with a replica adds to its settings.
ROUTED = """
DATABASES["replica"] = {{**DATABASES["default"], "PORT": "{port}"}}
DATABASE_ROUTERS = ["config.routers.ReadFromReplica"]
"""
ROUTER = """
class ReadFromReplica:
    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, one, other, **hints):
        return True
"""


@pytest.fixture
def late_replica(stack, servers):
    """All that is only read goes to a replica that is an hour behind."""
    primary = servers("written")
    with stack.moved_to(primary):
        replica = servers("late", copy_of=primary, recovery_min_apply_delay="1h")
        settings = stack.project.folder / "config" / "settings.py"
        former = settings.read_text()
        (settings.parent / "routers.py").write_text(ROUTER)
        settings.write_text(former + ROUTED.format(port=replica.port))
        stack.gunicorn.reload()
        yield replica
        settings.write_text(former)


@pytest.fixture
def connection(stack):
    with closing(Connection(stack)) as connection:
        yield connection


def test_what_was_just_written_is_found_where_replicas_are_late(stack, late_replica, connection):
    with SignUps(stack) as people:
        people.wait(20)
    assert people.refused == {}
    people.check()
    assert late_replica.sql("SELECT count(*) FROM wxauth_login") == "0"

    fake = stack.wechat.fake

    def ask(method, path, body=None):
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        return connection.ask(method, f"/api/wxauth/{path}", body, bearer)

    token = None
    token = ask("POST", "login/", {"code": fake.login_code("alice", APPID)})[2]["token"]
    assert ask("POST", "me/", {"nickname": "Alice"})[0] == 200
    assert ask("GET", "me/")[2]["nickname"] == "Alice"
    encrypted = fake.phone_data("alice", APPID)
    assert ask("POST", "me/phone/", encrypted)[0] == 200
    assert ask("GET", "me/")[2]["phone"]
    # What was spent is known to be.
    assert ask("POST", "me/phone/", encrypted)[2]["code"] == "undecryptable"
    assert len(ask("GET", "me/logins/")[2]) == 1
    assert ask("POST", "logout/")[0] in (200, 204)
    assert ask("GET", "me/")[0] == 401
