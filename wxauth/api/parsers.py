"""Request bodies: JSON that means one thing only."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.parsers import BaseParser

from wxauth.exceptions import InvalidRequest

from .errors import PayloadTooLarge

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20


class StrictJSONParser(BaseParser):
    """An object in UTF-8, at most 1 MB and 20 levels, no duplicate keys, NaN or lone surrogates.

    Two parsers that read one body differently (a proxy's, a log's, ours) are how checks are
    walked around; and what no database can store is better refused at the door.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        charset = _charset(media_type or "")
        if charset not in {"utf-8", "utf8", ""}:
            raise InvalidRequest("The body must be UTF-8.")
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise PayloadTooLarge
        if not body:
            return {}
        try:
            # int() refuses endless digits with a ValueError, deep nesting ends in RecursionError,
            # UnicodeDecodeError is a ValueError.
            value = json.loads(
                body.decode("utf-8"),
                object_pairs_hook=_object,
                parse_constant=_refuse_constant,
                parse_float=_finite,
            )
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise InvalidRequest("The body must be a JSON object.")
        _check(value)
        return value


def _charset(media_type: str) -> str:
    for parameter in media_type.split(";")[1:]:
        name, _equals, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate key")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError("no number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("no number")
    return number


def _check(value: Any) -> None:
    """Refuse what is too deep, and texts that are no Unicode (``"\\ud800"``)."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise InvalidRequest("The body is nested too deeply.")
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                deeper += item.keys()
                deeper += item.values()
            elif isinstance(item, list):
                deeper += item
            elif isinstance(item, str) and not _is_unicode(item):
                raise InvalidRequest("The body holds a lone surrogate.")
        level = deeper


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
