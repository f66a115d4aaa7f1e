"""One number, several people, the same moment: it has one owner, whoever was faster."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.project.test_races import ROUNDS, clear
from tests.rows import make_login
from tests.together import together
from wxauth.adapter import Adapter
from wxauth.exceptions import Conflict, DatabaseUnavailable
from wxauth.models import Event, Login, Person
from wxauth.services.profile import phone
from wxauth.types import Secret

pytestmark = pytest.mark.django_db(transaction=True)

ALICES, BOBS = "+8613800138001", "+8613800138002"


class Moves(Adapter):
    def on_phone_taken(self, *, user, other, app):
        return "move"


@pytest.fixture
def moving(settings):
    settings.WXAUTH = {**settings.WXAUTH, "ADAPTER": f"{__name__}.Moves"}


def keep(login, number, verified=True):
    def send():
        mine = Login.objects.select_related("person__user", "via").get(pk=login.pk)
        try:
            phone.keep(login=mine, number=Secret(number), verified=verified)
        except (Conflict, DatabaseUnavailable) as error:
            return type(error)

    return send


def owners():
    """Number → who has it; every row is whole: all of a number, or nothing."""
    found = {}
    for person in Person.objects.all():
        columns = (person.phone_hash, person.phone_tail, person.sealed_phone)
        assert len({bool(column) for column in columns}) == 1
        if person.phone_hash:
            found[phone.read(person).reveal()] = person.pk
    return found


def test_a_number_that_several_take_at_once_has_one_owner(transactional_db):
    for _ in range(ROUNDS):
        logins = [make_login() for _ in range(4)]
        outcomes = together([keep(login, ALICES) for login in logins])
        assert outcomes.count(None) == 1
        assert outcomes.count(Conflict) == 3
        assert owners() == {ALICES: logins[outcomes.index(None)].person_id}
        clear()


def test_a_number_that_moves_to_several_at_once_has_one_owner(moving):
    for _ in range(ROUNDS):
        logins = [make_login() for _ in range(4)]
        outcomes = together([keep(login, ALICES) for login in logins])
        assert Conflict not in outcomes
        moved = outcomes.count(None)
        assert moved >= 1
        (owner,) = owners().values()
        assert owner in {login.person_id for login in logins}
        assert Event.objects.filter(kind="phone_moved").count() == moved - 1
        clear()
        Event.objects.all()._raw_delete(connection.alias)


def test_two_who_take_each_others_number_do_not_block_each_other(moving):
    for _ in range(ROUNDS):
        alice, bob = make_login(), make_login()
        keep(alice, ALICES)()
        keep(bob, BOBS)()
        outcomes = together([keep(alice, BOBS), keep(bob, ALICES)])
        assert set(outcomes) <= {None, DatabaseUnavailable}
        assert None in outcomes
        mine = {number: owner for number, owner in owners().items() if owner == alice.person_id}
        assert len(mine) <= 1
        if outcomes == [None, None]:
            assert owners() == {BOBS: alice.person_id, ALICES: bob.person_id}
        clear()
        Event.objects.all()._raw_delete(connection.alias)
