"""What WeChat pushes: JSON or XML, whichever the console says. (channels 5.3)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wxauth import strict_json, strict_xml

Message = Mapping[str, Any]


def read(text: bytes) -> dict[str, Any]:
    """A message, or what is around an encrypted one. Raises ``ValueError``.

    Told apart by the first character: nobody has seen what Content-Type a push has. Names lose the
    blanks around them, which some of WeChat's own examples have.
    """
    if text.lstrip()[:1] == b"<":
        found = strict_xml.read_object(text)
    else:
        found = strict_json.read_object(text, control_characters=True)
    message = {name.strip(): value for name, value in found.items()}
    if len(message) != len(found):
        raise ValueError("A name comes twice.")
    return message


def get_text(message: Message, name: str) -> str:
    """What this field holds, empty where there is nothing. XML has no numbers, JSON has some."""
    value = message.get(name, "")
    return str(value) if isinstance(value, str) or type(value) is int else ""


def get_event(message: Message) -> str:
    """The kind of event in lower case, empty where this is none. (channels 5.4: the spelling)"""
    is_event = get_text(message, "MsgType").lower() == "event"
    return get_text(message, "Event").lower() if is_event else ""
