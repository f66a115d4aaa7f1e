"""A story that the database objects to is told again, whole, and three times at most."""

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
from wxauth.exceptions import DatabaseUnavailable, NotFound
from wxauth.services import transactions

User = get_user_model()
TRANSIENT = [OperationalError, InterfaceError, InternalError]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    """What was waited between two tellings, in place of waiting."""
    pauses = []
    monkeypatch.setattr(database.time, "sleep", pauses.append)
    return pauses


class Story:
    """Makes a user and some news, then raises what it was told to, once for each telling."""

    def __init__(self, *objections):
        self.objections = list(objections)
        self.told = 0
        self.news = []

    def __call__(self):
        self.told += 1
        telling = self.told
        User.objects.create(username=f"telling-{telling}")
        transaction.on_commit(lambda: self.news.append(telling))
        if self.objections:
            raise self.objections.pop(0)("no")
        return telling

    def left(self):
        return sorted(User.objects.values_list("username", flat=True))


@pytest.mark.django_db(transaction=True)
def test_a_story_that_goes_well_is_told_once(no_pause):
    story = Story()
    assert transactions.run(story) == 1
    assert (story.told, story.news, no_pause) == (1, [1], [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("objection", [IntegrityError, *TRANSIENT])
def test_the_third_telling_counts_and_leaves_nothing_of_the_others(objection, no_pause):
    story = Story(objection, objection)
    assert transactions.run(story) == 3
    assert story.left() == ["telling-3"]
    assert story.news == [3]
    assert len(no_pause) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("objection", TRANSIENT)
def test_a_database_that_keeps_refusing_is_unavailable(objection, no_pause):
    story = Story(*[objection] * 9)
    with pytest.raises(DatabaseUnavailable) as raised:
        transactions.run(story)
    assert type(raised.value.__cause__) is objection
    assert (story.told, story.left(), story.news, len(no_pause)) == (3, [], [], 2)


@pytest.mark.django_db(transaction=True)
def test_a_violated_constraint_that_stands_is_a_bug_and_surfaces():
    story = Story(*[IntegrityError] * 9)
    with pytest.raises(IntegrityError):
        transactions.run(story)
    assert (story.told, story.left(), story.news) == (3, [], [])


@pytest.mark.django_db(transaction=True)
def test_what_the_story_itself_says_is_passed_on_at_once():
    story = Story(NotFound)
    with pytest.raises(NotFound):
        transactions.run(story)
    assert (story.told, story.left(), story.news) == (1, [], [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("objection", TRANSIENT)
def test_inside_a_transaction_of_the_caller_nothing_is_retried(objection, no_pause):
    """It is lost with what the caller did before; only the caller can start again."""
    story = Story(objection)

    @transaction.atomic
    def caller():
        User.objects.create(username="callers-own")
        transactions.run(story)

    with pytest.raises(DatabaseUnavailable):
        caller()
    assert (story.told, story.left(), story.news, no_pause) == (1, [], [], [])


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_of_the_caller_a_violated_constraint_costs_a_savepoint():
    story = Story(IntegrityError)
    with transaction.atomic():
        User.objects.create(username="callers-own")
        transactions.run(story)
        assert story.news == []
    assert story.left() == ["callers-own", "telling-2"]
    assert story.news == [2]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one lock: nothing crosses.")
def test_two_stories_that_deadlock_both_come_true_once():
    keys = [User.objects.create(username=name).pk for name in ("alice", "bob")]
    crossed = threading.Barrier(2)
    told, news = [], []

    def cross(first, second):
        def story():
            told.append(first)
            User.objects.filter(pk=first).update(last_name="first")
            if told.count(first) == 1:
                crossed.wait()
            User.objects.filter(pk=second).update(first_name="second")
            transaction.on_commit(lambda: news.append(first))

        try:
            transactions.run(story)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=cross, args=pair) for pair in (keys, keys[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(told) == 3  # One of them was the victim, and started again.
    assert sorted(news) == sorted(keys)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="Only PostgreSQL refuses to write over news."
)
def test_a_serialization_failure_starts_again_from_the_first_select():
    from django.db.backends.postgresql.psycopg_any import IsolationLevel

    alice = User.objects.create(username="alice", last_name="")
    seen, news = [], []

    def meanwhile():
        User.objects.filter(pk=alice.pk).update(last_name="meanwhile")
        connections.close_all()

    def story():
        seen.append(User.objects.get(pk=alice.pk).last_name)
        if len(seen) == 1:
            other = threading.Thread(target=meanwhile)
            other.start()
            other.join()
        User.objects.filter(pk=alice.pk).update(first_name="story")
        transaction.on_commit(lambda: news.append(len(seen)))

    options = connection.settings_dict["OPTIONS"]
    options["isolation_level"] = IsolationLevel.REPEATABLE_READ
    connection.close()
    try:
        transactions.run(story)
    finally:
        del options["isolation_level"]
        connection.close()

    assert seen == ["", "meanwhile"]
    assert news == [2]
