"""Moving what refers to one row over to another. Nothing is deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import connections, models

from wxauth.references import Reference, find_references

from . import collisions, rows
from .entries import Entry

#: What to do where a row of the source would violate a unique constraint at the target.
KEEP_TARGET, KEEP_SOURCE = "keep_target", "keep_source"
#: Not moved at all.
LEAVE = "leave"

#: ``combine(source=row, target=row)`` changes the survivor's row in memory.
Combine = Callable[..., None]
#: One of the words above, or a function of the project.
Rule = Any


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
        found = reference.rows(source, self.using).select_for_update().order_by("pk")
        if len(model._meta.pk_fields) > 1:
            # The parts of a composite key cannot be written.
            self._leave(reference, dict.fromkeys(found.values_list("pk", flat=True)))
        elif reference.is_part:
            self._move_half(reference, list(found), target)
        elif collisions.are_possible(model, [reference.name]):
            for row in found:
                self._move_one(reference, row, source, target)
        else:
            value = reference.value(target)
            for chunk in rows.chunks(list(found.values_list("pk", flat=True))):
                rows.find(model, chunk, self.using).update(**{reference.attname: value})
                self._note_moved(reference, chunk, source, target)

    def _move_half(
        self, reference: Reference, halves: list[models.Model], target: models.Model
    ) -> None:
        # The other half of a user stays; what refers to it moves if the survivor has such a half.
        self._leave(reference, dict.fromkeys(half.pk for half in halves))
        other = reference.model._base_manager.using(self.using).filter(pk=target.pk).first()
        if halves and other is not None:
            self.move(halves[0], other)

    def _move_one(
        self, reference: Reference, row: models.Model, source: models.Model, target: models.Model
    ) -> None:
        value = reference.value(target)
        collides, twin = collisions.find(row, {reference.name: value}, self.using)
        if collides:
            self._resolve(reference, row, twin)
        elif reference.field.primary_key:
            self._rekey(reference, row, source, target)
        else:
            rows.find(reference.model, [row.pk], self.using).update(**{reference.attname: value})
            self._note_moved(reference, [row.pk], source, target)

    def _resolve(self, reference: Reference, row: models.Model, twin: models.Model | None) -> None:
        rule = self.rules.get(reference.label, KEEP_TARGET)
        if twin is not None and rule != KEEP_TARGET:
            names = rows.writable(reference.model)
            before = rows.to_texts(twin, names)
            if rule == KEEP_SOURCE:
                _overwrite(twin, row)
            else:
                rule(source=row, target=twin)
            after = rows.to_texts(twin, names)
            changed = [name for name in names if after[name] != before[name]]
            if changed:
                self._change(reference, twin, {name: before[name] for name in changed})
        self._leave(reference, {row.pk: None if twin is None else twin.pk})

    def _change(self, reference: Reference, twin: models.Model, before: Mapping[str, Any]) -> None:
        fields: dict[str, Any] = {name: twin._meta.get_field(name) for name in before}
        stored = rows.find(reference.model, [twin.pk], self.using)
        stored.update(**{name: getattr(twin, field.attname) for name, field in fields.items()})
        # Read again: what the database made of it is what undoing will find.
        after = rows.to_texts(stored.get(), before)
        self._note(reference, "changed", [twin.pk], dict(before), after)

    def _rekey(
        self, reference: Reference, row: models.Model, source: models.Model, target: models.Model
    ) -> None:
        key = reference.value(target)
        new = reference.model(**{reference.attname: key})
        # MySQL checks foreign keys at each statement; for a moment the row's own children refer to
        # a key that is gone.
        with connections[self.using].constraint_checks_disabled():
            rows.find(reference.model, [row.pk], self.using).update(**{reference.name: key})
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
        before, after = (
            {name: str(value) for name, value in reference.columns(row, self.using).items()}
            for row in (source, target)
        )
        self._note(reference, done, keys, before, after)

    def _note(
        self,
        reference: Reference,
        done: str,
        keys: list[Any],
        before: dict[str, Any],
        after: dict[str, Any],
    ) -> None:
        self.entries.append(
            {
                "model": reference.label,
                "column": reference.name,
                "done": done,
                "from": before,
                "to": after,
                "rows": dict.fromkeys(map(str, keys)),
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


def _overwrite(twin: models.Model, row: models.Model) -> None:
    """Everything but what makes a row this row: its key, and whatever must be unique."""
    unique = collisions.unique_columns(type(twin))
    for name in rows.writable(type(twin)):
        if name not in unique:
            field: Any = twin._meta.get_field(name)
            setattr(twin, field.attname, getattr(row, field.attname))
