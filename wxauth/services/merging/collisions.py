"""Whether a row may be changed so, by the constraints of its model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models


def are_possible(model: type[models.Model], names: Collection[str]) -> bool:
    """Whether changing these columns can violate anything."""
    return bool(_other_constraints(model)) or any(
        not columns.isdisjoint(names) for columns in _unique_sets(model)
    )


def find(
    row: models.Model, changes: Mapping[str, Any], using: str
) -> tuple[bool, models.Model | None]:
    """Whether the row may not change so, and the row it collides with, where there is one.

    ``changes``: field → what would stand in its column.
    """
    model = type(row)
    others = model._base_manager.using(using).exclude(pk=row.pk).order_by("pk")
    attnames = {field.name: field.attname for field in model._meta.concrete_fields}
    for columns in _unique_sets(model):
        if columns.isdisjoint(changes):
            continue
        same = {
            attnames[name]: changes[name] if name in changes else getattr(row, attnames[name])
            for name in columns
        }
        if None in same.values():
            continue  # Nulls are not equal.
        twin = others.filter(**same).first()
        if twin is not None:
            return True, twin
    if model._meta.pk.name in changes:
        return False, None
    # A fresh copy: the row itself is looked at again by whoever combines it.
    changed = model._base_manager.using(using).get(pk=row.pk)
    for name, value in changes.items():
        setattr(changed, attnames[name], value)
    for constraint in _other_constraints(model):
        try:
            constraint.validate(model, changed, using=using)
        except ValidationError:  # noqa: PERF203 - a handful
            return True, None
    return False, None


def unique_columns(model: type[models.Model]) -> set[str]:
    """Whatever must be unique, alone or together with others."""
    return {name for columns in _unique_sets(model) for name in columns}


def _unique_sets(model: type[models.Model]) -> list[set[str]]:
    meta = model._meta
    sets = [{field.name} for field in meta.local_concrete_fields if field.unique]
    sets += [set(names) for names in meta.unique_together]
    sets += [set(constraint.fields) for constraint in meta.total_unique_constraints]
    return sets


def _other_constraints(model: type[models.Model]) -> list[models.BaseConstraint]:
    """What only the constraint itself can tell: conditions, expressions, checks, exclusions."""
    total = model._meta.total_unique_constraints
    return [constraint for constraint in model._meta.constraints if constraint not in total]
