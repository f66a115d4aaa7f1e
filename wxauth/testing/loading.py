"""People from JSON: the file of ``--load`` and the body of ``POST /sandbox/people`` alike.

::

    {"people": [{"name": "alice", "appid": "wx…", "openid": "o…", "unionid": "o…",
                 "session_key": "…", "nickname": "…", "avatar_url": "…",
                 "phone": "13800138000", "country_code": "86"}]}

Each entry needs a name or an openid. The ids and the session_key are those in ``appid``, or in
the default app; ``"unionid": null`` is a person for whom WeChat gives none. An entry that names
somebody who exists adds to that person.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .people import FakePerson, Unknown
from .state import State

KEYS = (
    "name",
    "appid",
    "openid",
    "unionid",
    "session_key",
    "nickname",
    "avatar_url",
    "phone",
    "country_code",
)


def load_people(fake: State, document: object) -> list[FakePerson]:
    """Add the people of a parsed document.

    Raises ``ValueError`` that names the offending entry. Nobody is added while an entry is
    malformed; an app or openid that does not fit is found later, with the entries before it in.
    """
    entries = document.get("people") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError('An object {"people": […]} is expected.')
    chosen = [_check(index, entry) for index, entry in enumerate(entries)]
    return [_add(fake, index, values) for index, values in enumerate(chosen)]


def load_file(fake: State, path: str | Path) -> list[FakePerson]:
    """Add the people of a JSON file. Raises ``OSError``, and ``ValueError`` as above."""
    try:
        return load_people(fake, json.loads(Path(path).read_bytes()))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _add(fake: State, index: int, values: dict[str, Any]) -> FakePerson:
    try:
        return fake.add_person(**values)
    except (ValueError, Unknown) as error:
        raise ValueError(f"people[{index}]: {error}") from None


def _check(index: int, entry: object) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise ValueError(f"people[{index}]: an object is expected.")
    for key, value in entry.items():
        if key not in KEYS:
            raise ValueError(f"people[{index}]: there is no key {key!r}.")
        if not (value and isinstance(value, str)) and not (key == "unionid" and value is None):
            raise ValueError(f"people[{index}]: {key} must be a text that is not empty.")
    name = entry.get("name") or entry.get("openid")
    if name is None:
        raise ValueError(f"people[{index}]: a name or an openid is needed.")
    return {**entry, "name": name}
