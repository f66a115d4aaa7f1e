"""Whoever installed an earlier version keeps every row, on the way up and on the way back."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from tests import schemas
from tests.rows import session_key
from wxauth.authentication import get_login
from wxauth.services import phone

FROZEN = sorted(path.name.removeprefix("schema-") for path in schemas.FIXTURES.glob("schema-*"))


def migrate(number):
    call_command("migrate", "wxauth", schemas.get_name(number), verbosity=0)


@pytest.fixture
def go_back(transactional_db):
    """The tables of that time, empty; afterwards those of today again."""

    def go(number):
        migrate(number)
        return schemas.apps_at(number)

    yield go
    # All of it: other apps of the tests refer to these tables, and went with them.
    call_command("migrate", verbosity=0)


@pytest.fixture
def frozen():
    def read(number, name):
        path = schemas.FIXTURES / f"schema-{number}" / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else None

    return read


def test_every_migration_is_frozen():
    if not FROZEN:
        pytest.skip("no schema has landed yet")
    assert schemas.numbers() == FROZEN, "Run tests/freeze.py when a migration lands."


@pytest.mark.parametrize("number", FROZEN)
def test_a_migration_that_has_landed_makes_the_same_tables_for_ever(go_back, frozen, number):
    expected = frozen(number, connection.display_name.lower())
    if expected is None:
        pytest.skip(f"frozen on other databases than {connection.display_name}")
    call_command("migrate", "wxauth", "zero", verbosity=0)
    assert schemas.describe(go_back(number)) == expected


@pytest.mark.parametrize("number", FROZEN)
def test_rows_of_then_are_there_today_and_unharmed_on_the_way_back(go_back, frozen, number):
    rows = frozen(number, "rows")["rows"]
    then = go_back(number)
    assert rows.keys() == {model.__name__ for model in schemas.tables(then)}
    schemas.load(then, rows)
    assert schemas.dump(then) == rows
    migrate(schemas.numbers()[-1])
    migrate(number)
    assert schemas.dump(then) == rows


@pytest.mark.parametrize("number", FROZEN)
def test_somebody_of_then_is_still_logged_in_and_logs_in_again(
    go_back, frozen, number, settings, fake_wechat
):
    content = frozen(number, "rows")
    alice = content["alice"]
    settings.WXAUTH = {**settings.WXAUTH, **content["keys"]}
    schemas.load(go_back(number), content["rows"])
    migrate(schemas.numbers()[-1])

    login = get_login(alice["token"])
    assert (login.openid, login.appid) == (alice["openid"], alice["appid"])
    assert phone.reveal(login.person) == alice["phone"]
    assert session_key(login) == alice["session_key"]

    fake_wechat.add_person(
        "alice", appid=alice["appid"], openid=alice["openid"], unionid=alice["unionid"]
    )
    answer = Client().post(
        "/api/wxauth/login/",
        {"code": fake_wechat.login_code("alice", alice["appid"]), "appid": alice["appid"]},
        content_type="application/json",
    )
    assert answer.json()["user"]["id"] == str(login.person_id)
    assert answer.json()["created"] is False
