"""No host takes, and no page shows, a name of wxauth that the reference does not promise."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from .variants import DOCS, VARIANTS

HERE = Path(__file__).parent
REFERENCE = (DOCS / "reference.md").read_text(encoding="utf-8")
#: Names, and modules, with what the call of a function would have taken off.
PUBLIC = {
    name.partition("(")[0] for name in re.findall(r"`(wxauth\.[\w.]+(?:\([^`]*\))?)`", REFERENCE)
}
#: Modules of which every name is public: the reference lists them in tables of their own.
WHOLE = {"wxauth.exceptions", "wxauth.signals", "wxauth.testing"}


def imported(source: str) -> set[str]:
    """The names of wxauth that this code imports, with their modules."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.partition(".")[0] == "wxauth"}


def is_public(name: str) -> bool:
    return name in PUBLIC or name.rpartition(".")[0] in WHOLE


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_host_takes_public_names_only(variant):
    chosen = VARIANTS[variant]
    sources = [path.read_text() for path in (HERE / chosen.host).rglob("*.py")]
    sources += [text for name, text in chosen.files.items() if name.endswith(".py")]
    names = set().union(*map(imported, [*sources, chosen.changes]))
    assert {name for name in names if not is_public(name)} == set()


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_no_page_shows_a_private_name(page):
    lines = re.findall(r"^ *from wxauth[\w.]* import \w.*$", page.read_text(), re.MULTILINE)
    names = imported("\n".join(line.strip() for line in lines))
    assert {name for name in names if not is_public(name)} == set()


def test_a_private_name_is_seen():
    private = "from wxauth.services.login.by_code import log_in\nimport wxauth.api.base\n"
    assert {"wxauth.views.LoginView", "wxauth.people", *WHOLE} <= PUBLIC
    assert not any(is_public(name) for name in imported(private))
    assert len(imported(private)) == 2
