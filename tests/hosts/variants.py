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


def from_pages(host: str, *names: str, changes: str = "") -> Variant:
    """This host with the files that these pages show. A file may be shown in pieces."""
    files: dict[str, str] = {}
    for name in names:
        for file, _said, code in read_blocks((DOCS / name).read_text()):
            files[file] = f"{files[file]}\n\n{code}" if file in files else code
    return Variant(host, changes, files)


#: Five requests at once on an ended token are five logins.
FIVE_AT_ONCE = """
WXAUTH["LIMITS"] = {"login_address": "20/day"}
if "sqlite3" in DATABASES["default"]["ENGINE"]:
    DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE"}
"""

VARIANTS = {
    "bare": Variant("bare"),
    "uuid": Variant("uuid"),
    "china": Variant("china"),
    "china-without-slashes": Variant("china", "APPEND_SLASH = False"),
    "china-wrapped": Variant("china", 'WXAUTH["ENVELOPE"] = "project.envelope.envelope"'),
    "legacy": Variant("legacy"),
    "clients": from_pages("clients", "login-views.md", "testing.md"),
    "old-clients": from_pages("clients", "old-clients.md", changes=FIVE_AT_ONCE),
    "logins": other_logins(),
    "logins-theirs": other_logins("theirs first"),
    "logins-wrapped": other_logins("in an envelope"),
}
