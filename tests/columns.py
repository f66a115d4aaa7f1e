"""Columns that nobody has planned for: on the models of a project's next version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, models


@contextmanager
def extra_column(
    model: type[models.Model], name: str, column: Any, *, stored: bool = False
) -> Iterator[None]:
    """``model`` has this column for a while; ``stored``: its table, too."""
    column.contribute_to_class(model, name)
    try:
        if stored:
            with connection.schema_editor() as editor:
                editor.add_field(model, column)
        yield
    finally:
        if stored:
            with connection.schema_editor() as editor:
                editor.remove_field(model, column)
        model._meta.local_fields.remove(column)
        model._meta._expire_cache()
        delattr(model, name)
