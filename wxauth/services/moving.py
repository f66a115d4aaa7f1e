"""Moving what refers to one row over to another, and back. Nothing is deleted.

What was done is written down as a list of entries, each a dict of JSON:

- ``model``, ``column``: where (labels as Django knows them)
- ``done``: ``moved`` · ``left`` (the row stays where it was) · ``changed`` (a row of the survivor
  took something over) · ``rekeyed`` (a row whose primary key is the reference got the other key)
- ``from``, ``to``: what stood in the column, and what stands there now
- ``rows``: key → fingerprint of the row afterwards, without which nobody could tell whether it was
  changed since; of what was left, key → the key it collides with, or null

Undoing takes the entries from the last to the first, so that each finds the state it left behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connections, models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wxauth.references import Reference, find_references

#: What to do where a row of the source would violate a unique constraint at the target.
KEEP_TARGET, KEEP_SOURCE = "keep_target", "keep_source"
#: Not moved at all.
LEAVE = "leave"

Entry = dict[str, Any]
#: ``combine(source=row, target=row)`` changes the survivor's row in memory.
Combine = Callable[..., None]
#: One of the words above, or a function of the project.
Rule = Any

CHUNK = 500

OUTCOMES = {
    "moved": gettext_lazy("%(count)d moved"),
    "rekeyed": gettext_lazy("%(count)d moved, with the survivor's key"),
    "changed": gettext_lazy("%(count)d of the survivor's rows took over values"),
    "collided": gettext_lazy("%(count)d stay: the survivor has such a row already"),
    "left": gettext_lazy("%(count)d stay: they cannot move"),
}


class Mover:
    """Moves rows within one transaction, and remembers what it did in ``entries``."""

    def __init__(self, *, using: str, rules: Mapping[str, Rule]) -> None:
        self.using = using
        self.rules = rules
        self.entries: list[Entry] = []

    def move(self, source: models.Model, target: models.Model) -> None:
        """Let everything that refers to ``source`` refer to ``target``."""
        references = find_references(type(source), self.using)
        # Rows that get another key go last: until then they are found by the key they have.
        for reference in sorted(references, key=lambda each: each.field.primary_key):
            self._move(reference, source, target)

    def _move(self, reference: Reference, source: models.Model, target: models.Model) -> None:
        model = reference.model
        if self.rules.get(reference.label) == LEAVE:
            return
        rows = reference.rows(source, self.using).select_for_update().order_by("pk")
        if len(model._meta.pk_fields) > 1:
            # The parts of a composite key cannot be written.
            self._leave(reference, dict.fromkeys(rows.values_list("pk", flat=True)))
        elif reference.is_part:
            self._move_half(reference, list(rows), target)
        elif _constraints(reference):
            for row in rows:
                self._move_one(reference, row, source, target)
        else:
            value = reference.value(target)
            for chunk in _chunks(list(rows.values_list("pk", flat=True))):
                _rows(model, chunk, self.using).update(**{reference.attname: value})
                self._note_moved(reference, chunk, source, target)

    def _move_half(
        self, reference: Reference, rows: list[models.Model], target: models.Model
    ) -> None:
        # The other half of a user stays; what refers to it moves if the survivor has such a half.
        self._leave(reference, dict.fromkeys(row.pk for row in rows))
        other = reference.model._base_manager.using(self.using).filter(pk=target.pk).first()
        if rows and other is not None:
            self.move(rows[0], other)

    def _move_one(
        self, reference: Reference, row: models.Model, source: models.Model, target: models.Model
    ) -> None:
        value = reference.value(target)
        collides, twin = _find_twin(reference, row, value, self.using)
        if collides:
            self._resolve(reference, row, twin)
        elif reference.field.primary_key:
            self._rekey(reference, row, source, target)
        else:
            _rows(reference.model, [row.pk], self.using).update(**{reference.attname: value})
            self._note_moved(reference, [row.pk], source, target)

    def _resolve(self, reference: Reference, row: models.Model, twin: models.Model | None) -> None:
        rule = self.rules.get(reference.label, KEEP_TARGET)
        if twin is not None and rule != KEEP_TARGET:
            before = _columns(twin)
            if rule == KEEP_SOURCE:
                _overwrite(twin, row)
            else:
                rule(source=row, target=twin)
            after = _columns(twin)
            changed = [name for name in after if after[name] != before[name]]
            if changed:
                fields = twin._meta
                _rows(reference.model, [twin.pk], self.using).update(
                    **{
                        name: getattr(twin, fields.get_field(name).attname)  # type: ignore[union-attr]
                        for name in changed
                    }
                )
                self.entries.append(
                    {
                        "model": reference.label,
                        "column": reference.name,
                        "done": "changed",
                        "from": {name: before[name] for name in changed},
                        "to": {name: after[name] for name in changed},
                        "rows": _prints(reference.model, [twin.pk], self.using),
                    }
                )
        self._leave(reference, {row.pk: None if twin is None else twin.pk})

    def _rekey(
        self, reference: Reference, row: models.Model, source: models.Model, target: models.Model
    ) -> None:
        key = reference.value(target)
        new = reference.model(**{reference.attname: key})
        # MySQL checks foreign keys at each statement; for a moment the row's own children refer to
        # a key that is gone.
        with connections[self.using].constraint_checks_disabled():
            _rows(reference.model, [row.pk], self.using).update(**{reference.name: key})
            self._note_moved(reference, [key], source, target, done="rekeyed")
            self.move(row, new)

    # -- what was done -----------------------------------------------------------------------------

    def _note_moved(
        self,
        reference: Reference,
        keys: list[Any],
        source: models.Model,
        target: models.Model,
        done: str = "moved",
    ) -> None:
        self.entries.append(
            {
                "model": reference.label,
                "column": reference.name,
                "done": done,
                "from": str(reference.value(source)),
                "to": str(reference.value(target)),
                "rows": _prints(reference.model, keys, self.using),
            }
        )

    def _leave(self, reference: Reference, twins: Mapping[Any, Any]) -> None:
        if not twins:
            return
        self.entries.append(
            {
                "model": reference.label,
                "column": reference.name,
                "done": "left",
                "rows": {
                    str(key): None if twin is None else str(twin) for key, twin in twins.items()
                },
            }
        )


def move_back(entries: Iterable[Entry], *, using: str) -> list[str]:
    """Undo these entries. Answers what stands in the way, by name; then nothing may be kept."""
    problems: list[str] = []
    # As in ``_rekey``: a row and what hangs on it go back one after the other.
    with connections[using].constraint_checks_disabled():
        for entry in reversed(list(entries)):
            if entry["done"] != "left":
                problems += _move_back(entry, using)
    return problems


def _move_back(entry: Entry, using: str) -> list[str]:
    try:
        model = apps.get_model(entry["model"])
        field: Any = model._meta.get_field(entry["column"])
    except LookupError:
        return [_("%(model)s is no model (any more).") % {"model": entry["model"]}]
    key: Any = model._meta.pk
    keys = [key.to_python(text) for text in entry["rows"]]
    prints = _prints(model, keys, using)
    problems = [
        (
            _("%(model)s %(row)s was changed since.")
            if text in prints
            else _("%(model)s %(row)s was deleted since.")
        )
        % {"model": entry["model"], "row": text}
        for text, print_ in entry["rows"].items()
        if prints.get(text) != print_
    ]
    if entry["done"] == "changed":
        values = {
            name: _from_text(model._meta.get_field(name), text)
            for name, text in entry["from"].items()
        }
    else:
        column = field.name if entry["done"] == "rekeyed" else field.attname
        values = {column: field.to_python(entry["from"])}
    if not problems:
        for chunk in _chunks(keys):
            _rows(model, chunk, using).update(**values)
    return problems


# -- rows ----------------------------------------------------------------------------------------


def _rows(model: type[models.Model], keys: list[Any], using: str) -> models.QuerySet[Any]:
    return model._base_manager.using(using).filter(pk__in=keys)


def _chunks(keys: Iterable[Any]) -> Iterable[list[Any]]:
    rest = iter(keys)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _prints(model: type[models.Model], keys: Iterable[Any], using: str) -> dict[str, str]:
    """Key → a short hash of everything that stands in the row."""
    names = ["pk", *(field.attname for field in model._meta.local_concrete_fields)]
    prints = {}
    for chunk in _chunks(keys):
        for key, *values in _rows(model, chunk, using).order_by().values_list(*names):
            plain = [bytes(v) if isinstance(v, memoryview) else v for v in values]
            prints[str(key)] = hashlib.sha256(repr(plain).encode()).hexdigest()[:16]
    return prints


def _columns(row: models.Model) -> dict[str, Any]:
    """The values of a row, as JSON knows them."""
    return {
        field.name: None if getattr(row, field.attname) is None else field.value_to_string(row)
        for field in row._meta.local_concrete_fields
        if not field.primary_key
    }


def _from_text(field: Any, text: Any) -> Any:
    return None if text is None else field.to_python(text)


def _overwrite(twin: models.Model, row: models.Model) -> None:
    """Everything but what makes a row this row: its key, and whatever must be unique."""
    unique = {name for names in _unique_sets(type(twin)) for name in names}
    for field in twin._meta.local_concrete_fields:
        if not (field.primary_key or field.unique or field.name in unique):
            setattr(twin, field.attname, getattr(row, field.attname))


# -- constraints -----------------------------------------------------------------------------------


def _unique_sets(model: type[models.Model]) -> list[tuple[str, ...]]:
    meta = model._meta
    sets: list[tuple[str, ...]] = [
        (field.name,) for field in meta.local_concrete_fields if field.unique
    ]
    sets += [tuple(names) for names in meta.unique_together]
    sets += [tuple(constraint.fields) for constraint in meta.total_unique_constraints]
    return sets


def _other_constraints(model: type[models.Model]) -> list[models.BaseConstraint]:
    """What only the constraint itself can tell: conditions, expressions, checks, exclusions."""
    total = model._meta.total_unique_constraints
    return [constraint for constraint in model._meta.constraints if constraint not in total]


def _constraints(reference: Reference) -> bool:
    """Whether moving a row by this column can violate anything."""
    sets = _unique_sets(reference.model)
    return bool(_other_constraints(reference.model)) or any(
        reference.name in names for names in sets
    )


def _find_twin(
    reference: Reference, row: models.Model, value: Any, using: str
) -> tuple[bool, models.Model | None]:
    """Whether the row may not move, and the row it collides with, where there is one."""
    others = reference.model._base_manager.using(using).exclude(pk=row.pk).order_by("pk")
    for names in _unique_sets(reference.model):
        if reference.name not in names:
            continue
        columns = [reference.model._meta.get_field(name).attname for name in names]  # type: ignore[union-attr]
        same = {
            column: value if column == reference.attname else getattr(row, column)
            for column in columns
        }
        if None in same.values():
            continue  # Nulls are not equal.
        twin = others.filter(**same).first()
        if twin is not None:
            return True, twin
    if reference.field.primary_key:
        return False, None
    # A fresh copy: the row itself is looked at again by whoever combines it.
    moved = reference.model._base_manager.using(using).get(pk=row.pk)
    setattr(moved, reference.attname, value)
    for constraint in _other_constraints(reference.model):
        try:
            constraint.validate(reference.model, moved, using=using)
        except ValidationError:  # noqa: PERF203 - a handful
            return True, None
    return False, None


# -- for people ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Summary:
    """One line about the rows of one column of one model."""

    where: str
    what: str
    #: The keys of the rows, as text; of rows that collide, with the key that they collide with.
    keys: tuple[str, ...]


def summarize(entries: Iterable[Entry]) -> list[Summary]:
    """What a merge does, or did: one line for each model, column and outcome."""
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for entry in entries:
        where = f"{entry['model']}.{entry['column']}"
        for key, twin in entry["rows"].items():
            collides = entry["done"] == "left" and twin is not None
            outcome = "collided" if collides else entry["done"]
            shown = f"{key} ≠ {twin}" if collides else key
            grouped.setdefault((entry["model"], where, outcome), []).append(shown)
    return [
        Summary(where, str(OUTCOMES[outcome]) % {"count": len(keys)}, tuple(keys))
        for (_model, where, outcome), keys in grouped.items()
    ]
