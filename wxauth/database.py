"""Asking the database again, where what it refused can succeed a moment later."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connections,
)

T = TypeVar("T")

ATTEMPTS = 3

#: A connection that died while it lay idle, a deadlock, a serialization failure, a lock that was
#: not had in time. InternalError is how PostgreSQL says that it is read-only just now.
PASSING = (OperationalError, InterfaceError, InternalError)


def repeat(
    ask: Callable[[], T],
    *,
    using: str,
    on: tuple[type[DatabaseError | InterfaceError], ...] = PASSING,
    attempts: int = ATTEMPTS,
    pause: float = 0,
) -> T:
    """The answer of ``ask``, which is called again when it raises one of ``on``.

    ``using`` is the alias of the connection: one that died is closed, so that the next attempt
    opens another. Two who met in a deadlock should not meet again: the n-th pause is a
    random time of at most n times ``pause`` seconds.

    Raises what the last attempt raised. Inside a transaction of the caller's only a violated
    constraint is followed by another attempt, because ``ask`` rolled back to a savepoint of its
    own; everything else has lost the whole transaction, and only the caller can start again.
    """
    connection: Any = connections[using]
    # Django need not ask "SELECT 1" before (CONN_HEALTH_CHECKS): the first statement finds out as
    # well whether a connection that was kept has died while it lay idle.
    connection.health_check_done = True
    attempt = 1
    while True:
        try:
            return ask()
        except on as error:
            if not connection.in_atomic_block:
                connection.close_if_unusable_or_obsolete()
            elif not isinstance(error, IntegrityError):
                raise
            if attempt == attempts:
                raise
        if pause:
            time.sleep(random.uniform(0, pause * attempt))  # noqa: S311
        attempt += 1
