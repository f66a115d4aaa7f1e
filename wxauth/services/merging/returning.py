"""Moving rows back to where a merge found them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import connections, models
from django.utils.translation import gettext as _

from wxauth.models import Merge

from . import collisions, rows
from .entries import Entry
from .moving import Mover

#: Which of the rows of an entry are not what the merge left: a line for each.
Compare = Callable[[Entry, "type[models.Model]", "list[Any]", str], "list[str]"]


def move_back(done: Merge, *, using: str) -> list[str]:
    """Undo the entries of this merge. Answers what stands in the way; then nothing may be kept.

    From the last to the first, so that each finds the state it left behind.
    """
    compare = _compare_whole if done.format == 1 else _compare
    problems: list[str] = []
    # As in ``Mover``: a row and what hangs on it go back one after the other.
    with connections[using].constraint_checks_disabled():
        for entry in reversed(done.rows):
            if entry["done"] != "left":
                problems += _move_back(_upgrade(entry), compare, using)
    return problems


def _upgrade(entry: Entry) -> Entry:
    """An entry of format 1, but for its fingerprints."""
    sides = {side: entry[side] for side in ("from", "to")}
    return entry | {
        side: texts if isinstance(texts, dict) else {entry["column"]: texts}
        for side, texts in sides.items()
    }


def _move_back(entry: Entry, compare: Compare, using: str) -> list[str]:
    try:
        model = apps.get_model(entry["model"])
        old, new = (rows.from_texts(model, entry[side]) for side in ("from", "to"))
    except LookupError:
        return [_("%(model)s is no model (any more).") % entry]
    except FieldDoesNotExist:
        return [
            _("%(model)s has not all of these columns any more: %(columns)s.")
            % {"model": entry["model"], "columns": ", ".join(entry["from"])}
        ]
    key: Any = model._meta.pk
    keys = [key.to_python(text) for text in entry["rows"]]
    problems = compare(entry, model, keys, using) or _collisions(entry, model, keys, old, using)
    if problems:
        return problems
    for chunk in rows.chunks(keys):
        rows.find(model, chunk, using).update(**old)
    if entry["done"] == "rekeyed":
        return _bring_along(model, left=new[key.name], home=old[key.name], using=using)
    return []


def _compare(entry: Entry, model: type[models.Model], keys: list[Any], using: str) -> list[str]:
    """The rows that do not stand any more where the merge left them."""
    found = {}
    for chunk in rows.chunks(keys):
        these = rows.find(model, chunk, using).select_for_update().order_by("pk")
        for row in these.only("pk", *entry["to"]):
            found[str(row.pk)] = rows.to_texts(row, entry["to"]) == entry["to"]
    return [
        (
            _("%(model)s %(row)s was changed since.")
            if key in found
            else _("%(model)s %(row)s was deleted since.")
        )
        % {"model": entry["model"], "row": key}
        for key in entry["rows"]
        if not found.get(key)
    ]


def _collisions(
    entry: Entry, model: type[models.Model], keys: list[Any], old: Mapping[str, Any], using: str
) -> list[str]:
    """The rows in whose place there is another now."""
    if not collisions.are_possible(model, old):
        return []
    problems = []
    for chunk in rows.chunks(keys):
        for row in rows.find(model, chunk, using).order_by("pk"):
            collides, twin = collisions.find(row, old, using)
            if collides:
                problems.append(_cannot_return(entry["model"], row, twin))
    return problems


def _cannot_return(label: str, row: models.Model, twin: models.Model | None) -> str:
    if twin is None:
        return _("%(model)s %(row)s cannot go back: a constraint forbids it now.") % {
            "model": label,
            "row": row.pk,
        }
    return _("%(model)s %(row)s cannot go back: %(twin)s is in its place now.") % {
        "model": label,
        "row": row.pk,
        "twin": twin.pk,
    }


def _bring_along(model: type[models.Model], *, left: Any, home: Any, using: str) -> list[str]:
    """What has come to hang on a rekeyed row since has no other place: it goes along."""
    key: Any = model._meta.pk
    mover = Mover(using=using, rules={})
    mover.move(model(**{key.attname: left}), model(**{key.attname: home}))
    return [
        _("%(model)s %(row)s came since, and cannot go along.")
        % {"model": entry["model"], "row": row}
        for entry in mover.entries
        if entry["done"] == "left"
        for row in entry["rows"]
    ]


# -- format 1 --------------------------------------------------------------------------------------


def _compare_whole(
    entry: Entry, model: type[models.Model], keys: list[Any], using: str
) -> list[str]:
    """By the rule of then: a row in which anything differs is not the row that was moved.

    Nothing weaker would be safe. Which model a generic reference meant was not written down, and
    what was put into a row of the survivor was written down before the database had it.
    """
    names = ["pk", *(field.attname for field in model._meta.local_concrete_fields)]
    found = {}
    for chunk in rows.chunks(keys):
        for key, *values in rows.find(model, chunk, using).order_by().values_list(*names):
            plain = [bytes(each) if isinstance(each, memoryview) else each for each in values]
            found[str(key)] = hashlib.sha256(repr(plain).encode()).hexdigest()[:16]
    return [
        (
            _(
                "%(model)s %(row)s was changed since, or its table was: merges of the version "
                "that made this one compare whole rows."
            )
            if key in found
            else _("%(model)s %(row)s was deleted since.")
        )
        % {"model": entry["model"], "row": key}
        for key, print_ in entry["rows"].items()
        if found.get(key) != print_
    ]
