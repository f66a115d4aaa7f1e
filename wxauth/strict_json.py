"""JSON objects of others, read so that they mean one thing only. The one place that parses JSON.

Two readers that take one text differently (a proxy's, a log's, ours) are how checks are walked
around; and what no database can store is better refused at the door. So nobody gets past these:
UTF-8, an object at the top, no more than 20 levels, no NaN or Infinity, no integer of more than 20
characters. What differs between the senders, the callers say.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

#: The deepest object that WeChat sends has three levels. A bound of our own, because the one of
#: the parser differs between versions of Python.
MAX_DEPTH = 20
#: 64 bits and a sign. What comes after us (databases, JSON in JavaScript) knows no larger ones.
MAX_DIGITS = 20

SURROGATE = re.compile("[\ud800-\udfff]")


class TooDeep(ValueError):  # noqa: N818 - a word, like those of the error contract
    """Objects and lists in one another, more than ``MAX_DEPTH``."""


class LoneSurrogate(ValueError):  # noqa: N818 - likewise
    """Half a character (``"\\ud800"``): no Unicode, and no database takes it."""


def read_object(
    text: str | bytes,
    *,
    control_characters: bool = False,
    repeated_keys: bool = False,
    lone_surrogates: bool = False,
) -> dict[str, Any]:
    """The object that this text is. Raises ``ValueError`` for any other, without the text in it.

    ``control_characters``: whether a string may hold them unescaped. ``repeated_keys``: whether an
    object may name a key twice; the last one counts. ``lone_surrogates``: whether half a character
    may stand in a string.
    """
    value: Any = None
    too_deep = False
    try:
        value = json.loads(
            text.decode("utf-8") if isinstance(text, bytes) else text,
            strict=not control_characters,
            object_pairs_hook=None if repeated_keys else _distinct,
            parse_int=_integer,
            parse_float=_finite,
            parse_constant=_refuse,
        )
    except RecursionError:
        too_deep = True
    except ValueError:
        # Its exception holds the whole text. Ours is raised below, where this one is no context.
        pass
    if too_deep:
        raise TooDeep("The JSON is nested too deeply.")
    if not isinstance(value, dict):
        raise ValueError("This is no JSON object.")
    _check(value, lone_surrogates)
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key twice")
    return members


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("too many digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):  # 1e999 is none of the constants below.
        raise ValueError("no number")
    return number


def _refuse(name: str) -> NoReturn:
    """NaN and Infinity: Python reads them, JSON does not have them."""
    raise ValueError("no number")


def _check(value: dict[str, Any], lone_surrogates: bool) -> None:
    """Level by level: a function that called itself would end where Python's stack does."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for container in level:
            members = [*container]
            if isinstance(container, dict):
                members += container.values()
            for member in members:
                if isinstance(member, (dict, list)):
                    deeper.append(member)
                elif isinstance(member, str) and not lone_surrogates and SURROGATE.search(member):
                    raise LoneSurrogate("The JSON holds a lone surrogate.")
        if not deeper:
            return
        level = deeper
    raise TooDeep("The JSON is nested too deeply.")
