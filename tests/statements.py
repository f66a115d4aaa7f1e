"""The one way in which tests look at SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.test.utils import CaptureQueriesContext

_ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE")


@contextmanager
def capture_statements(*, all_of_them: bool = False) -> Iterator[list[str]]:
    """The SQL that reads or writes rows, filled in at the end.

    ``all_of_them``: BEGIN, COMMIT and savepoints, too.
    """
    statements: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield statements
    statements += [
        query["sql"]
        for query in captured
        if all_of_them or query["sql"].upper().lstrip("(").startswith(_ROWS)
    ]
