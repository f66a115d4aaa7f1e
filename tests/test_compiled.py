"""What is built once finds what the queryset finds, for every value, on every thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.db.models import Value

from tests.rows import ONE, make_login, make_openid
from wxauth.compiled import Compiled
from wxauth.managers import LoginQuerySet, OpenIdQuerySet
from wxauth.models import Login, OpenId


@pytest.mark.django_db
def test_each_value_finds_its_own_row_whole():
    logins = {name: make_login(make_openid(name)) for name in ("alice", "bob", "eve")}
    for name, login in logins.items():
        found = Login.objects.find(login.digest)
        plain = Login.objects.for_digest(login.digest).get()
        assert found.__dict__.keys() == plain.__dict__.keys()
        for one, other in (
            (found, plain),
            (found.person, plain.person),
            (found.person.user, plain.person.user),
            (found.via, plain.via),
            (found.via.identity, plain.via.identity),
        ):
            assert one == other
            assert one._state.db == other._state.db
        known = OpenId.objects.find(ONE, f"o-{name}")
        assert known == login.via
        assert known.identity.person.user == login.person.user
    assert Login.objects.find("nobody's") is None
    assert OpenId.objects.find(f"o-{name}", ONE) is None


@pytest.mark.django_db
def test_the_statement_is_built_once(monkeypatch):
    built = []

    def find(rows, digest):
        built.append(digest)
        return LoginQuerySet.for_digest(rows, digest)

    compiled = Compiled(find)
    login = make_login()
    for _ in range(3):
        assert compiled.get(Login.objects.all(), login.digest) == login
    assert len(built) == 1


@pytest.mark.django_db(transaction=True)
def test_threads_that_ask_at_once_get_their_own():
    logins = [make_login() for number in range(8)]

    def find(login):
        try:
            return [Login.objects.find(login.digest) for _ in range(20)]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        for login, found in zip(logins, threads.map(find, logins), strict=True):
            assert found == [login] * 20


@pytest.mark.django_db
def test_who_asks_in_the_middle_of_anothers_request_changes_nothing():
    alice, bob = (make_login(make_openid(name)) for name in ("alice", "bob"))
    compiled, rows = Compiled(LoginQuerySet.for_digest), Login.objects.all()
    assert compiled.get(rows, alice.digest) == alice
    # Threads change places where they like: here, once Alice's values are in and nothing has run.
    shared = compiled._statements[rows.db].queryset
    go_on = shared.all

    def let_bob_ask():
        shared.all = go_on
        assert compiled.get(rows, bob.digest) == bob
        return go_on()

    shared.all = let_bob_ask
    assert compiled.get(rows, alice.digest) == alice


@pytest.mark.django_db
@pytest.mark.parametrize(
    "find",
    [
        lambda rows, appid, openid: OpenIdQuerySet.with_owner(rows, appid, "o-alice"),
        lambda rows, appid, openid: rows.filter(appid=Value(str(appid) + "x"), openid=openid),
    ],
    ids=["forgotten", "changed"],
)
def test_a_statement_that_is_the_same_for_everybody_is_refused(find):
    with pytest.raises(TypeError, match="parameter"):
        Compiled(find).get(OpenId.objects.all(), ONE, "o-eve")
