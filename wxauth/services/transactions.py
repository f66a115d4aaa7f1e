"""One story, one transaction, told again from its first SELECT when the database objects."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connections,
    router,
    transaction,
)

from wxauth.exceptions import DatabaseUnavailable
from wxauth.models import Login

T = TypeVar("T")

ATTEMPTS = 3


class Overtaken(OperationalError):  # noqa: N818 - a word, like its relatives
    """Raised by a story that finds its rows changed since its first SELECT: it starts again."""


#: Refusals after which a second telling can succeed: a violated constraint (somebody else was
#: faster, and the first SELECT will now see their row), a deadlock, a serialization failure, a
#: lock that was not had in time, a connection that died while it lay idle. InternalError is how
#: PostgreSQL says that it is read-only just now.
_OBJECTIONS = (IntegrityError, OperationalError, InterfaceError, InternalError)

_telling: ContextVar[bool] = ContextVar("wxauth_telling", default=False)


def run(story: Callable[[], T]) -> T:
    """Tell ``story`` in a transaction, three times at most.

    The whole transaction rolls back in between: under REPEATABLE READ a savepoint and a second
    read would see the same old snapshot, without the row that caused the violation. For the same
    reason a story within a story is a part of it, and starts again with the whole.

    Raises ``DatabaseUnavailable`` when the database cannot do it, and lets an IntegrityError pass
    that stands after three tries: then no race, but the project's data or adapter is at fault.
    """
    if _telling.get():
        return story()
    telling = _telling.set(True)
    try:
        return _tell(story)
    finally:
        _telling.reset(telling)


def _tell(story: Callable[[], T]) -> T:
    alias = router.db_for_write(Login)
    connection = connections[alias]
    objection: DatabaseError | InterfaceError
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic(using=alias):
                return story()
        except _OBJECTIONS as error:
            objection = error
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        elif not isinstance(objection, IntegrityError):
            break  # The caller's own transaction is lost; only the caller can start again.
        if attempt < ATTEMPTS:
            # Two that met in a deadlock should not meet again.
            time.sleep(random.uniform(0, 0.03 * attempt))  # noqa: S311
    if isinstance(objection, IntegrityError):
        raise objection
    raise DatabaseUnavailable("The database refused the transaction.") from objection


def roll_back() -> None:
    """Let the story that is being told end well and leave nothing: a rehearsal."""
    transaction.set_rollback(True, using=router.db_for_write(Login))
