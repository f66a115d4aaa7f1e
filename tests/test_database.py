"""What the database refused is asked again, so often and no more."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth import get_user_model
from django.db import (
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connection,
    connections,
    transaction,
)

from wxauth import database

User = get_user_model()


class Question:
    """Raises what it was told to, one error for each time it is asked."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.asked = 0

    def __call__(self):
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)("no")
        return self.asked


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError, InterfaceError, InternalError])
@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_what_passes_is_asked_again_and_the_last_error_is_raised(error, attempts):
    question = Question(*[error] * 9)
    with pytest.raises(error):
        database.repeat(question, using="default", attempts=attempts)
    assert question.asked == attempts
    question = Question(*[error] * (attempts - 1))
    assert database.repeat(question, using="default", attempts=attempts) == attempts


@pytest.mark.django_db(transaction=True)
def test_what_was_not_named_is_not_asked_again():
    question = Question(IntegrityError)
    with pytest.raises(IntegrityError):
        database.repeat(question, using="default")
    assert question.asked == 1


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_only_a_violated_constraint_is_asked_again():
    question = Question(OperationalError)
    with transaction.atomic(), pytest.raises(OperationalError):
        database.repeat(question, using="default")
    assert question.asked == 1
    question = Question(IntegrityError)
    with transaction.atomic():
        assert database.repeat(question, using="default", on=(IntegrityError,)) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="A file has no connection that dies.")
def test_a_connection_that_died_while_it_lay_idle_is_replaced():
    own, end = {
        "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend(%s, 10000)"),
        "mysql": ("SELECT CONNECTION_ID()", "KILL %s"),
    }[connection.vendor]
    User.objects.create(username="alice")
    with connection.cursor() as cursor:
        cursor.execute(own)
        (dying,) = cursor.fetchone()

    def kill():
        with connection.cursor() as cursor:
            cursor.execute(end, [dying])
        connections.close_all()

    thread = threading.Thread(target=kill)
    thread.start()
    thread.join()
    assert database.repeat(User.objects.count, using="default", attempts=2) == 1
    with connection.cursor() as cursor:
        cursor.execute(own)
        assert cursor.fetchone() != (dying,)


@pytest.mark.django_db(transaction=True)
def test_only_who_asks_for_pauses_waits_and_longer_each_time(monkeypatch):
    pauses = []
    monkeypatch.setattr(database.time, "sleep", pauses.append)
    monkeypatch.setattr(database.random, "uniform", lambda least, most: most)
    for pause in (0, 0.5):
        database.repeat(Question(*[OperationalError] * 2), using="default", attempts=3, pause=pause)
    assert pauses == [0.5, 1.0]
