"""One story, one transaction, told again from its first SELECT when the database objects."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

from django.db import DatabaseError, IntegrityError, OperationalError, router, transaction

from wxauth import database
from wxauth.exceptions import DatabaseUnavailable
from wxauth.models import Login

logger = logging.getLogger("wxauth.transactions")

T = TypeVar("T")

#: The longest pause before the second telling, in seconds.
PAUSE = 0.03


class Overtaken(OperationalError):  # noqa: N818 - a word, like its relatives
    """Raised by a story that finds its rows changed since its first SELECT: it starts again."""


#: While a story is told: what is to be told afterwards.
_telling: ContextVar[list[Callable[[], object]] | None] = ContextVar("wxauth_telling", default=None)


def run(story: Callable[[], T]) -> T:
    """Tell ``story`` in a transaction, three times at most.

    The whole transaction rolls back in between: under REPEATABLE READ a savepoint and a second
    read would see the same old snapshot, without the row that caused the violation. For the same
    reason a story within a story is a part of it, and starts again with the whole.

    Raises ``DatabaseUnavailable`` when the database cannot do it, and lets an IntegrityError pass
    that stands after three tries: then no race, but the project's data or adapter is at fault.
    """
    if _telling.get() is not None:
        return story()
    rest: list[Callable[[], object]] = []
    telling = _telling.set(rest)
    try:
        return _tell(story, rest)
    finally:
        _telling.reset(telling)
        for each in rest:
            _tell_the_rest(each)


def _tell_the_rest(story: Callable[[], object]) -> None:
    # Whatever becomes of it, the first story has ended as it has.
    try:
        run(story)
    except (DatabaseUnavailable, DatabaseError) as error:
        logger.error("What a story left to be done was not done: %s.", type(error).__name__)


def afterwards(story: Callable[[], object]) -> None:
    """Tell this one, too, when the story that is being told has ended, however it ends.

    In a transaction of its own: a refusal that is to be remembered undoes everything else.
    """
    rest = _telling.get()
    if rest is None:
        raise TypeError("There is no story that this could come after.")
    rest.append(story)


def _tell(story: Callable[[], T], rest: list[Callable[[], object]]) -> T:
    alias = router.db_for_write(Login)

    def tell() -> T:
        rest.clear()  # Of an attempt that was taken back.
        with transaction.atomic(using=alias):
            return story()

    try:
        # After a violated constraint, too: somebody else was faster, and the first SELECT will now
        # see their row.
        return database.repeat(
            tell, using=alias, on=(IntegrityError, *database.PASSING), pause=PAUSE
        )
    except database.PASSING as error:
        raise DatabaseUnavailable("The database refused the transaction.") from error


def roll_back() -> None:
    """Let the story that is being told end well and leave nothing: a rehearsal."""
    transaction.set_rollback(True, using=router.db_for_write(Login))
