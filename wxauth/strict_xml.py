"""XML documents of others, read so that they mean one thing only. The one place that parses XML.

The counterpart of ``strict_json``: UTF-8 whatever the document says of itself, no more than 20
levels, no document type. Without one there are no entities to define: none that unpack to
gigabytes, none that name a file or an address.
"""

from __future__ import annotations

import contextlib
from typing import Any, NoReturn
from xml.parsers import expat

from .strict_json import MAX_DEPTH


def read_object(text: bytes) -> dict[str, Any]:
    """What stands in the outermost element, by the names of its elements.

    An element is a text, or again such an object where it holds elements; one that comes more than
    once is a list. Attributes, and text beside elements, are left out. Raises ``ValueError`` for
    anything else, without the text in it.
    """
    value: Any = None
    # The frames of its exception hold the whole text. Ours is raised below.
    with contextlib.suppress(expat.ExpatError, ValueError):
        if "\0" in text.decode("utf-8"):
            # Expat would take it for UTF-16, whatever it is told.
            raise ValueError("not UTF-8")
        value = _Reader().read(text)
    if not isinstance(value, dict):
        raise ValueError("This is no XML document that holds anything.")
    return value


class _Reader:
    def __init__(self) -> None:
        #: Of each element that is open: its members, and its text in pieces.
        self._open: list[tuple[dict[str, Any], list[str]]] = [({}, [])]

    def read(self, text: bytes) -> Any:
        parser = expat.ParserCreate(encoding="UTF-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.CharacterDataHandler = self._text
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = _refuse
        parser.Parse(text, True)
        ((root, _rest),) = self._open
        (value,) = root.values()
        return value

    def _start(self, name: str, attributes: object) -> None:
        if len(self._open) > MAX_DEPTH:
            raise ValueError("too deep")
        self._open.append(({}, []))

    def _text(self, piece: str) -> None:
        self._open[-1][1].append(piece)

    def _end(self, name: str) -> None:
        members, pieces = self._open.pop()
        value: Any = members or "".join(pieces)
        around = self._open[-1][0]
        if name not in around:
            around[name] = value
        elif isinstance(around[name], list):
            around[name].append(value)
        else:
            around[name] = [around[name], value]


def _refuse(*declaration: object) -> NoReturn:
    raise ValueError("a document type")
