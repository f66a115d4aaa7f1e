from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from tests.statements import capture_statements
from wxauth.models import OpenId

from .conftest import OTHER_APPID
from .pages import MODELS, list_page, listed


@pytest.fixture
def rows(bob: Any, eve: Any) -> dict[str, Any]:
    return {
        "person": bob.person,
        "identity": bob.identity,
        "openid": bob.openid,
        "login": bob.login,
    }


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("term", ["o-bob", "u-bob", "bob", "  o-bob\n"])
def test_alice_finds_bob_by_openid_unionid_and_username(alice_client, rows, model, term):
    assert listed(alice_client.get(list_page(model, q=term))) == [rows[model]]


@pytest.mark.parametrize("model", MODELS)
def test_alice_finds_bob_by_the_key_of_his_user(alice_client, rows, model):
    key = rows["person"].pk
    assert listed(alice_client.get(list_page(model, q=key))) == [rows[model]]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "term",
    ["O-BOB", "o-bo", "-bob", "u-bo", "Bob ", "o-bob u-bob", "%", "9" * 40, "x" * 5000, "微信"],
)
def test_what_is_not_a_whole_id_finds_nobody(alice_client, rows, model, term):
    if connection.vendor == "mysql" and term == "Bob ":
        pytest.skip("usernames are the project's own column")
    assert listed(alice_client.get(list_page(model, q=term))) == []


@pytest.mark.parametrize("model", MODELS)
def test_a_nul_is_refused_without_asking_the_database(alice_client, rows, model):
    assert alice_client.get(list_page(model, q="o-\0bob")).status_code == 200


def test_a_phone_number_finds_nobody(alice_client, bob):
    for term in ("+8613800001234", "13800001234", "1234", bob.person.phone_hash):
        assert listed(alice_client.get(list_page("person", q=term))) == []


def test_one_openid_in_two_apps_is_one_person_once_and_two_openids(alice_client, bob):
    second = OpenId.objects.create(
        identity=bob.identity, appid=OTHER_APPID, openid="o-bob", created_at=bob.openid.created_at
    )
    assert listed(alice_client.get(list_page("person", q="o-bob"))) == [bob.person]
    assert listed(alice_client.get(list_page("openid", q="o-bob"))) == [second, bob.openid]


def test_openids_that_differ_in_case_are_different_people(alice_client, make_person):
    lower = make_person("lower")
    upper = make_person("upper")
    OpenId.objects.filter(pk=lower.openid.pk).update(openid="oAbC")
    OpenId.objects.filter(pk=upper.openid.pk).update(openid="oABC")
    assert listed(alice_client.get(list_page("person", q="oAbC"))) == [lower.person]
    assert listed(alice_client.get(list_page("person", q="oABC"))) == [upper.person]


def test_under_the_sandbox_every_appid_is_searched(alice_client, bob, settings):
    settings.DEBUG = True
    settings.WXAUTH = {**settings.WXAUTH, "APPS": {}, "SANDBOX": True}
    assert listed(alice_client.get(list_page("openid", q="o-bob"))) == [bob.openid]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's query plans")
def test_a_search_reads_by_index_and_never_a_whole_table(alice_client, rows, model):
    with capture_statements() as statements:
        alice_client.get(list_page(model, q="o-bob"))
    about = [sql for sql in statements if "wxauth_" in sql]
    assert any("UNION" in sql or "o-bob" in sql for sql in about)
    with connection.cursor() as cursor:
        for sql in about:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            steps = [row[3] for row in cursor.fetchall()]
            assert [step for step in steps if step.startswith("SCAN")] == [], sql
