"""Rows of any model of the project, and what stands in them as text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Any

from django.db import models

CHUNK = 500


def find(model: type[models.Model], keys: Collection[Any], using: str) -> models.QuerySet[Any]:
    """The rows with these keys, with those that the project's own manager hides."""
    return model._base_manager.using(using).filter(pk__in=keys)


def chunks(keys: Iterable[Any]) -> Iterable[list[Any]]:
    rest = iter(keys)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def writable(model: type[models.Model]) -> list[str]:
    """The names of the columns that an UPDATE may write, but for the key."""
    return [
        field.name
        for field in model._meta.local_concrete_fields
        if not field.primary_key and not getattr(field, "generated", False)
    ]


def to_texts(row: models.Model, names: Iterable[str]) -> dict[str, Any]:
    """What stands in these columns, as JSON knows it: the texts that Django's fixtures have."""
    fields: dict[str, Any] = {name: row._meta.get_field(name) for name in names}
    return {
        name: None if getattr(row, field.attname) is None else field.value_to_string(row)
        for name, field in fields.items()
    }


def from_texts(model: type[models.Model], texts: Mapping[str, Any]) -> dict[str, Any]:
    """The values again. Raises ``FieldDoesNotExist``."""
    fields: dict[str, Any] = {name: model._meta.get_field(name) for name in texts}
    return {
        name: None if text is None else fields[name].to_python(text) for name, text in texts.items()
    }
