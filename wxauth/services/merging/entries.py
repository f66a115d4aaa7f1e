"""What a merge did to the rows of the project, as ``Merge.rows`` has it: a list of entries.

Each is a dict of JSON:

- ``model``, ``column``: where (labels as Django knows them)
- ``done``: ``moved`` · ``left`` (the row stays where it was) · ``changed`` (a row of the survivor
  took something over) · ``rekeyed`` (a row whose primary key is the reference got the other key)
- ``from``, ``to``: column → text, what stood there and what stands there now
- ``rows``: key → null; of what was left, key → the key it collides with, or null

Undoing depends on the keys and on ``to``, and on nothing else: the columns that were written, and
the content type of a generic reference. A row that was edited elsewhere since, or whose table got
another column, goes back as it is. Of a row that was rekeyed the key is the column that was
written: one that was deleted and made anew under the survivor's key counts as the same row.

Format 1 had a text in place of each dict, but for ``changed``, and under the keys fingerprints of
whole rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy

FORMAT = 2

Entry = dict[str, Any]

OUTCOMES = {
    "moved": gettext_lazy("%(count)d moved"),
    "rekeyed": gettext_lazy("%(count)d moved, with the survivor's key"),
    "changed": gettext_lazy("%(count)d of the survivor's rows took over values"),
    "collided": gettext_lazy("%(count)d stay: the survivor has such a row already"),
    "left": gettext_lazy("%(count)d stay: they cannot move"),
}


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
