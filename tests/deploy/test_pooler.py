"""PgBouncer in transaction mode between the project and PostgreSQL."""

from __future__ import annotations

import json
import shutil
from collections import Counter

import pytest

from .stack import PgBouncer
from .traffic import SignUps, Traffic, tell

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("on_postgres"),
    pytest.mark.skipif(
        shutil.which("pgbouncer", path="/usr/sbin:/usr/bin") is None,
        reason="There is no PgBouncer.",
    ),
]

#: As the deployment page says.
OPTION = "?DISABLE_SERVER_SIDE_CURSORS=True"


@pytest.fixture(scope="module")
def pooler(stack):
    server = PgBouncer(stack.folder, stack.database)
    server.start()
    with stack.moved_to(stack.database, server.url + OPTION):
        yield server
    server.end()


def test_everybody_is_answered_over_fewer_connections_than_there_are_threads(
    stack, pooler, seconds
):
    used = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    with Traffic(stack, connections=16, rate=100) as traffic:
        traffic.wait(100 * seconds(5, 60))
        assert 1 < int(stack.database.sql(used)) <= pooler.CONNECTIONS
    tell("over PgBouncer", traffic.got)
    assert set(Counter(each.status for each in traffic.got)) == {200}


def test_everybody_who_signs_up_is_there_once(stack, pooler, seconds):
    with SignUps(stack) as people:
        people.wait(20 * seconds(5, 60))
    assert people.refused == {}
    people.check()


def test_commands_go_through_all_people_while_others_log_in(stack, pooler, folder):
    manage, file = stack.project.manage, folder / "people.jsonl"
    with SignUps(stack) as people:
        people.wait(20)
        manage("wxauth_export", str(file))
        manage("wxauth_import", str(file))
        manage("wxauth_rotate_keys")
        manage("wxauth_clear_expired")
        # Django's own go through iterators.
        dumped = json.loads(manage("dumpdata", "wxauth.openid").stdout)
    assert len(file.read_text().splitlines()) >= 20
    assert len(dumped) >= 20
    assert people.refused == {}
    people.check()


def test_the_check_of_the_database_sees_the_pooler_and_names_the_option(stack, pooler):
    def said(url):
        check = ("check", "--database", "default")
        return stack.project.manage(*check, DATABASE_URL=url, LANGUAGE_CODE="en").stderr

    assert "wxauth.W026" in said(pooler.url)
    assert "wxauth.W026" not in said(pooler.url + OPTION)
    assert "wxauth.W026" not in said(stack.database.url)
