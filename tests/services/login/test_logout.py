"""Ending logins: this one, another, all; and nobody else's."""

from __future__ import annotations

import pytest
from django.contrib.auth.signals import user_logged_out

from tests.rows import ONE, TWO, make_login, make_openid, session_key
from tests.statements import capture_statements
from wxauth.authentication import get_login
from wxauth.exceptions import NotFound
from wxauth.models import Login
from wxauth.services.login import logout

pytestmark = pytest.mark.django_db


@pytest.fixture
def logins():
    """alice on two phones and in another app, and bob."""
    alice = make_openid("alice", appid=ONE)
    other = make_openid("alice-2", appid=TWO, identity=alice.identity)
    made = {"phone": alice, "tablet": alice, "shop": other, "bob": make_openid("bob")}
    return {name: make_login(openid, token=f"wxa_{name}") for name, openid in made.items()}


def alive():
    names = ("phone", "tablet", "shop", "bob")
    found = {name for name in names if get_login(f"wxa_{name}") is not None}
    keys = {name for name in names if session_key(_row(name)) is not None}
    assert found == keys  # A token and its session_key end together.
    return found


def _row(name):
    from wxauth.crypto.tokens import token_digest

    return Login.objects.get(digest=token_digest(f"wxa_{name}"))


@pytest.fixture
def news():
    heard = []

    def listen(signal, **told):
        heard.append(told["user"].username)

    user_logged_out.connect(listen)
    yield heard
    user_logged_out.disconnect(listen)


def test_one_login_ends(logins, news):
    logout.log_out(login=logins["phone"])
    assert alive() == {"tablet", "shop", "bob"}
    assert news == ["alice"]


def test_all_logins_of_the_person_end_in_every_app(logins, news):
    logout.log_out_everywhere(login=logins["phone"])
    assert alive() == {"bob"}
    assert news == ["alice"]


def test_another_login_of_mine_ends_and_nobody_elses(logins):
    logout.end_login(login=logins["phone"], login_id=logins["shop"].pk)
    assert alive() == {"phone", "tablet", "bob"}
    for other in (logins["bob"].pk, logins["shop"].pk, 0, -1, 2**63, 10**30):
        with pytest.raises(NotFound):
            logout.end_login(login=logins["phone"], login_id=other)
    assert alive() == {"phone", "tablet", "bob"}


def test_the_list_is_my_live_logins_newest_first(logins):
    make_login(logins["phone"].via, life=-1)
    old = make_login(logins["phone"].via, age=60)
    logout.log_out(login=logins["shop"])
    listed = logout.list_logins(login=logins["phone"])
    assert listed == [logins["tablet"], logins["phone"], old]


def test_the_list_ends_at_fifty(logins):
    for _ in range(60):
        make_login(logins["phone"].via)
    with capture_statements() as statements:
        listed = logout.list_logins(login=logins["phone"])
        assert {login.appid for login in listed} == {ONE}
    assert len(listed) == 50
    assert len(statements) == 1
