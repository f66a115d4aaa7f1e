"""Whoever installed an earlier version keeps every row, on the way up and on the way back."""

from __future__ import annotations

import hashlib
import json

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests import schemas
from tests.rows import session_key
from tests.shop.models import Order
from wxauth.authentication import get_login
from wxauth.exceptions import MergeRefused
from wxauth.models import Merge
from wxauth.services.merging import merges
from wxauth.services.profile import phone

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
@pytest.mark.waits
def test_a_migration_that_has_landed_makes_the_same_tables_for_ever(go_back, frozen, number):
    expected = frozen(number, connection.display_name.lower())
    if expected is None:
        pytest.skip(f"frozen on other databases than {connection.display_name}")
    call_command("migrate", "wxauth", "zero", verbosity=0)
    assert schemas.describe(go_back(number)) == expected


@pytest.mark.waits
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


@pytest.mark.waits
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
    assert phone.read(login.person).reveal() == alice["phone"]
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


def test_a_merge_of_the_first_schema_is_undone_today(go_back):
    """It says nothing of its format, and knows its rows by fingerprints of all their columns."""
    then = go_back("0001")
    users = [then.get_model("users", "User").objects.create(username=name) for name in "ab"]
    alice, bob = (
        then.get_model("wxauth", "Person").objects.create(
            user_id=user.pk, created_at=timezone.now()
        )
        for user in users
    )
    bob.merged_into = alice
    bob.save()
    tea, rice = (Order.objects.create(user_id=alice.pk, text=text) for text in ("tea", "rice"))

    def old_merge(order):
        print_ = hashlib.sha256(repr([order.pk, order.user_id, order.text]).encode()).hexdigest()
        return then.get_model("wxauth", "Merge").objects.create(
            source=str(bob.pk),
            target=str(alice.pk),
            rows=[
                {
                    "model": "shop.order",
                    "column": "user",
                    "done": "moved",
                    "from": str(bob.pk),
                    "to": str(alice.pk),
                    "rows": {str(order.pk): print_[:16]},
                }
            ],
            accounts={
                "identities": [],
                "profile": {},
                "phone": None,
                "block": False,
                "was_active": True,
                "made": [],
                "rehomed": [],
            },
            created_at=timezone.now(),
        )

    done = old_merge(tea)
    migrate(schemas.numbers()[-1])
    # Processes of the version before go on writing for a while.
    later = old_merge(rice)
    assert set(Merge.objects.values_list("format", flat=True)) == {1}
    Order.objects.filter(pk=rice.pk).update(text="brown rice")
    with pytest.raises(MergeRefused):
        merges.undo(merge_id=later.pk, actor="staff")
    merges.undo(merge_id=done.pk, actor="staff")
    assert dict(Order.objects.values_list("pk", "user")) == {tea.pk: bob.pk, rice.pk: alice.pk}
