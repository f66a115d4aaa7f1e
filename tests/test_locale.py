"""Every text that people read is there in Chinese, and what is read is what was written."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation.template import templatize

ROOT = Path(__file__).parents[1]
#: Function → which arguments are context, text and plural.
FUNCTIONS = {
    "gettext": (None, 0, None),
    "gettext_lazy": (None, 0, None),
    "gettext_noop": (None, 0, None),
    "ngettext": (None, 0, 1),
    "ngettext_lazy": (None, 0, 1),
    "pgettext": (0, 1, None),
    "pgettext_lazy": (0, 1, None),
    "npgettext": (0, 1, 2),
    "npgettext_lazy": (0, 1, 2),
}
#: Catalog → where its texts are.
CATALOGS = {"wxauth": ["wxauth"], "": ["config", "users", "templates"]}

Key = tuple[str, str]  # context, text
catalogs = pytest.mark.parametrize("name", CATALOGS, ids=["wxauth", "project"])


def locate(name: str, suffix: str) -> Path:
    return ROOT / name / "locale" / "zh_Hans" / "LC_MESSAGES" / f"django.{suffix}"


def read_po(name: str) -> dict[Key, str]:
    """(context, text) → translation, without the header; fuzzy ones count as untranslated."""
    catalog = {}
    for block in locate(name, "po").read_text(encoding="utf-8").strip().split("\n\n"):
        entry: dict[str, str] = {}
        keyword = ""
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            word, quoted = re.fullmatch(r"([a-z_]+(?:\[0\])?)? ?(\".*\")", line).groups()
            keyword = word or keyword
            entry[keyword] = entry.get(keyword, "") + ast.literal_eval(quoted)
        if entry.get("msgid"):
            fuzzy = re.search(r"^#,.*\bfuzzy\b", block, re.MULTILINE)
            text = entry.get("msgstr") or entry.get("msgstr[0]") or ""
            catalog[entry.get("msgctxt", ""), entry["msgid"]] = "" if fuzzy else text
    return catalog


def read_mo(name: str) -> dict[Key, str]:
    with locate(name, "mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog
    catalog = {}
    for key, text in compiled.items():
        if key:
            context, _, plain = (key[0] if isinstance(key, tuple) else key).rpartition("\x04")
            catalog[context, plain] = text
    return catalog


def find_texts(name: str) -> set[Key]:
    """What the source says, wherever it says it: also where xgettext does not look."""
    paths = [path for folder in CATALOGS[name] for path in (ROOT / folder).rglob("*")]
    found: set[Key] = set()
    for path in paths:
        if path.suffix == ".py" and "migrations" not in path.parts:
            found |= set(_in_python(path))
        elif path.suffix == ".html" and "static" not in path.parts:
            found |= set(_in_template(path))
    return found


def _in_python(path: Path) -> Iterator[Key]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
        if alias.name in FUNCTIONS
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) in names:
            context, text, _plural = FUNCTIONS[names[node.func.id]]
            # A text that is put together at runtime is one that nobody can translate.
            said = node.args[text]
            assert isinstance(said, ast.Constant), f"{path}:{node.lineno}"
            about = node.args[context].value if context is not None else ""
            yield about, said.value


def _in_template(path: Path) -> Iterator[Key]:
    for quoted in re.findall(
        r"\b(?:_|gettext)\(u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\)",
        templatize(path.read_text(encoding="utf-8")),
    ):
        yield "", ast.literal_eval(quoted)


@catalogs
def test_everything_is_translated(name):
    missing = [key for key, text in read_po(name).items() if not text]
    assert not missing


@catalogs
def test_every_text_of_the_source_is_in_the_catalog_and_no_other(name):
    found = find_texts(name)
    assert len(found) > 20
    assert found - read_po(name).keys() == set()
    assert read_po(name).keys() - found == set()


@catalogs
def test_what_is_read_is_what_was_written(name):
    """``compilemessages`` was not forgotten."""
    assert read_mo(name) == read_po(name)


@catalogs
def test_a_translation_fills_in_the_same_values(name):
    for (_context, text), translation in read_po(name).items():
        for names in (r"%\(\w+\)[sd]", r"\b[A-Z]+_[A-Z_]+\b"):
            said, translated = (sorted(re.findall(names, each)) for each in (text, translation))
            assert said == translated, text
