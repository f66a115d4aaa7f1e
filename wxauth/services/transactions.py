"""One story, one transaction, told again from its first SELECT when the database objects."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
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

#: Refusals after which a second telling can succeed: a violated constraint (somebody else was
#: faster, and the first SELECT will now see their row), a deadlock, a serialization failure, a
#: lock that was not had in time, a connection that died while it lay idle. InternalError is how
#: PostgreSQL says that it is read-only just now.
_OBJECTIONS = (IntegrityError, OperationalError, InterfaceError, InternalError)


def run(story: Callable[[], T]) -> T:
    """Tell ``story`` in a transaction, three times at most.

    The whole transaction rolls back in between: under REPEATABLE READ a savepoint and a second
    read would see the same old snapshot, without the row that caused the violation.

    Raises ``DatabaseUnavailable`` when the database cannot do it, and lets an IntegrityError pass
    that stands after three tries: then no race, but the project's data or adapter is at fault.
    """
    alias = router.db_for_write(Login)
    connection = connections[alias]
    objection: DatabaseError | InterfaceError
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic(using=alias):
                return story()
        except _OBJECTIONS as error:
            objection = error
        if connection.in_atomic_block and not isinstance(objection, IntegrityError):
            break  # The caller's own transaction is lost; only the caller can start again.
        connection.close_if_unusable_or_obsolete()
        if attempt < ATTEMPTS:
            # Two that met in a deadlock should not meet again.
            time.sleep(random.uniform(0, 0.03 * attempt))  # noqa: S311
    if isinstance(objection, IntegrityError):
        raise objection
    raise DatabaseUnavailable("The database refused the transaction.") from objection
