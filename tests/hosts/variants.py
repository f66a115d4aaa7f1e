"""The hosts, and in what ways their settings differ from one run to the next."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


@dataclass(frozen=True)
class Variant:
    host: str
    #: Python, at the end of the host's settings.
    changes: str = ""
    #: Files besides: name → text.
    files: dict[str, str] = field(default_factory=dict)


def read_blocks(page: str) -> list[tuple[str, str, str]]:
    """The Python of a page: file and what is said of it, as its first line has them, and code."""
    found = re.findall(r"```python\n# ([\w/.]+)(?:: ([^\n]+))?\n(.*?)```", page, re.DOTALL)
    assert len(found) == page.count("```python\n")
    return found


def other_logins(*choices: str) -> Variant:
    """The project with every login, set up as the page about them says, with these choices."""
    blocks = read_blocks((DOCS / "other-logins.md").read_text())
    return Variant(
        "logins",
        "\n".join(
            code for name, said, code in blocks if name == "settings.py" and said in {"", *choices}
        ),
        {name: code for name, _said, code in blocks if name != "settings.py"},
    )


VARIANTS = {
    "bare": Variant("bare"),
    "uuid": Variant("uuid"),
    "china": Variant("china"),
    "china-without-slashes": Variant("china", "APPEND_SLASH = False"),
    "china-wrapped": Variant("china", 'WXAUTH["ENVELOPE"] = "project.envelope.envelope"'),
    "legacy": Variant("legacy"),
    "logins": other_logins(),
    "logins-theirs": other_logins("theirs first"),
    "logins-wrapped": other_logins("in an envelope"),
}
