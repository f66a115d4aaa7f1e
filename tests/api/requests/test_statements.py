"""How many SQL statements a request costs, without BEGIN, COMMIT and savepoints."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from tests.api.phone import APP_TWO, log_in
from tests.statements import capture_statements
from wxauth.models import Person

User = get_user_model()
pytestmark = pytest.mark.django_db


def outline(statements: list[str]) -> list[str]:
    """``SELECT wxauth_openid``, ``UPDATE users_user``, …"""
    pattern = r"^(SELECT|INSERT|UPDATE|DELETE)\b.*?[\"`](\w+)[\"`]"
    tables = r"FROM [\"`](\w+)[\"`]"
    lines = []
    for statement in statements:
        verb, table = re.match(pattern, statement, re.DOTALL).groups()
        if verb == "SELECT":
            table = re.search(tables, statement)[1]
        lines.append(f"{verb} {table}")
    return lines


@pytest.fixture
def alice(alice):
    """She has logged in today: what Django notes of it after the commit is noted."""
    User.objects.update(last_login=timezone.now())
    return alice


@pytest.fixture
def statements_of(django_capture_on_commit_callbacks):
    def run(act):
        with capture_statements() as statements, django_capture_on_commit_callbacks(execute=True):
            answer = act()
        assert answer.status_code < 400, answer.content
        return outline(statements)

    return run


def test_a_returning_login_reads_once_and_writes_one_row(fake_wechat, client, alice, statements_of):
    assert statements_of(lambda: log_in(client, fake_wechat, "alice")) == [
        "SELECT wxauth_openid",
        "INSERT wxauth_login",
    ]


def test_the_first_login_of_a_day_notes_the_day(fake_wechat, client, alice, statements_of):
    person = alice.row
    yesterday = person.last_seen_on - timedelta(days=1)
    Person.objects.filter(pk=person.pk).update(last_seen_on=yesterday)
    User.objects.update(last_login=timezone.now() - timedelta(days=1))
    assert statements_of(lambda: log_in(client, fake_wechat, "alice")) == [
        "SELECT wxauth_openid",
        "INSERT wxauth_login",
        "UPDATE wxauth_person",
        "UPDATE users_user",  # Django's last_login
    ]
    assert Person.objects.get().last_seen_on == person.last_seen_on


def test_a_first_login_takes_eight_and_djangos_own(fake_wechat, client, statements_of):
    assert statements_of(lambda: log_in(client, fake_wechat, "alice")) == [
        "SELECT wxauth_openid",
        "SELECT wxauth_identity",
        "SELECT wxauth_rememberedblock",
        "INSERT users_user",
        "INSERT wxauth_person",
        "INSERT wxauth_identity",
        "INSERT wxauth_openid",
        "INSERT wxauth_login",
        "UPDATE users_user",
    ]


def test_a_first_login_without_unionid_takes_one_less(fake_wechat, client, statements_of):
    fake_wechat.add_person("alice", unionid=None)
    lines = statements_of(lambda: log_in(client, fake_wechat, "alice"))
    assert len(lines) == 8
    assert "SELECT wxauth_identity" not in lines


def test_the_first_login_in_a_second_app_makes_an_openid(fake_wechat, client, alice, statements_of):
    assert statements_of(lambda: log_in(client, fake_wechat, "alice", appid=APP_TWO)) == [
        "SELECT wxauth_openid",
        "SELECT wxauth_identity",
        "INSERT wxauth_openid",
        "INSERT wxauth_login",
    ]


def test_a_token_costs_one_statement_and_no_write(alice, statements_of):
    assert statements_of(lambda: alice.get("me/")) == ["SELECT wxauth_login"]


def test_the_list_of_logins_costs_one_more_however_long_it_is(alice, statements_of):
    for _ in range(5):
        alice.log_in()
    lines = statements_of(lambda: alice.get("me/logins/"))
    assert lines == ["SELECT wxauth_login"] * 2
