"""The docs name what there is, all of it, in both languages, and nothing else."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.dispatch import Signal

from wxauth import checks, conf, people, signals, testing, views
from wxauth.adapter import Adapter
from wxauth.api import errors, urls
from wxauth.models import Event, Login, Person
from wxauth.testing import faults, sandbox

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
REFERENCES = [DOCS / "reference.md", DOCS / "reference.zh-CN.md"]
PAGES = [
    page
    for folder in (ROOT, DOCS, ROOT / "deploy", ROOT / "miniprogram")
    for page in sorted(folder.glob("*.md"))
]
PAIRS = [page for page in PAGES if page.with_suffix(".zh-CN.md").exists()]

VARIABLES = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
CHECKS = {
    number
    for path in Path(checks.__file__).parent.glob("*.py")
    for number in re.findall(r'"(?:wxauth\.)?([EW]\d{3})"', path.read_text())
}
COMMANDS = {
    path.stem for path in (ROOT / "wxauth/management/commands").glob("*.py") if path.stem[0] != "_"
}
SIGNALS = {name for name, value in vars(signals).items() if isinstance(value, Signal)}

references = pytest.mark.parametrize("page", REFERENCES, ids=lambda page: page.name)
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
pairs = pytest.mark.parametrize("page", PAIRS, ids=lambda page: str(page.relative_to(ROOT)))


def rows(page: Path) -> list[list[str]]:
    """The cells of every row of every table."""
    lines = re.findall(r"^\| (.*) \|$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.split(r" (?<!\\)\| ", line) for line in lines]


def named(page: Path, width: int = 0) -> dict[str, list[str]]:
    """Name in the first cell of a row → the row. ``width``: of tables with so many columns only."""
    return {
        name: row
        for row in rows(page)
        if not width or len(row) == width
        for name in re.findall(r"`([^`]+)`", row[0])
    }


def prose(page: Path) -> str:
    return re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)


def code(page: Path) -> list[tuple[str, str]]:
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.S | re.M)


# -- the reference -----------------------------------------------------------------------------


@references
def test_every_setting_has_its_place(page):
    there = named(page, 4)
    assert there.keys() >= conf.KEYS
    assert named(page, 3).keys() >= checks.apps.APP_KEYS
    assert {name: there[name][1].strip("`") for name in conf.LIMITS} == conf.LIMITS


@references
def test_every_variable_of_the_project_has_its_place(page):
    text = page.read_text(encoding="utf-8")
    assert {name for name in VARIABLES if f"`{name}`" not in text} == set()


@references
def test_every_error_has_its_place_with_status_and_action(page):
    there = named(page, 4)
    rows_there = [row for row in vars(errors).values() if isinstance(row, errors.Row)]
    for row in rows_there:
        status, action, when = there[row.code][1:4]
        assert int(status) == row.status
        # A second action of the same code is told of where it is told when.
        assert row.action == action or f"`{row.action}`" in when, row
    codes = {
        name for name, cells in there.items() if cells[2] in {row.action for row in rows_there}
    }
    assert codes == {row.code for row in rows_there}
    assert {row.action for row in rows_there} <= named(page, 2).keys()


@references
def test_every_check_has_its_place(page):
    there = {name.removeprefix("wxauth.") for name in named(page) if name.startswith("wxauth.")}
    assert {name for name in there if re.fullmatch(r"[EW]\d+", name)} == CHECKS


@references
def test_every_command_has_its_place(page):
    there = {name.split()[0] for name in named(page)}
    assert {name for name in there if name.startswith("wxauth_")} == COMMANDS


@references
def test_every_signal_has_its_place_with_its_arguments(page):
    there = named(page, 4)
    assert there.keys() >= SIGNALS
    source = Path(signals.__file__).read_text()
    for name in SIGNALS:
        (comment,) = re.findall(rf"((?:^#:.*\n)+){name} = Signal", source, re.MULTILINE)
        told = set(re.findall(r"``(\w+)``", comment)) - {"sender"}
        shown = set(re.findall(r"`(\w+)`", there[name][2]))
        assert shown <= told, name


@references
def test_every_path_has_its_place(page):
    text = " ".join(row[0] for row in rows(page))
    for pattern in filter(lambda pattern: pattern.name, urls.urlpatterns):
        path = re.sub(r"\(\?P.*?\)", "<id>", str(pattern.pattern)).strip("^$").replace("/?", "/")
        assert f"`{path}`" in text


@references
def test_every_hook_has_its_place_with_its_arguments(page):
    shown = {name.partition("(")[0]: name for name in named(page)}
    for name, hook in inspect.getmembers(Adapter, inspect.isfunction):
        arguments = [each for each in inspect.signature(hook).parameters if each != "self"]
        assert shown[name] == f"{name}({', '.join(arguments)})"


@references
def test_every_public_name_has_its_place_and_functions_their_arguments(page):
    there = {name.partition("(")[0]: name for name in named(page)}
    for module in (people, views):
        assert {f"{module.__name__}.{name}" for name in module.__all__} <= there.keys()
    for function in (people.get_phone, people.find_by_phone, people.end_logins, people.merge):
        shown = there[f"wxauth.people.{function.__name__}"].partition("(")[2]
        arguments = re.findall(r"(\w+)(?:=\w+)?[,)]", shown)
        assert arguments == list(inspect.signature(function).parameters)
    text = page.read_text(encoding="utf-8")
    assert [name for name in testing.__all__ if not re.search(rf"`{name}\b|, {name}\b", text)] == []


@references
@pytest.mark.parametrize("model", [Person, Login])
def test_the_columns_that_a_project_may_read_are_there_and_hold_no_secret(page, model):
    (table,) = re.findall(
        rf"^\| [^|\n]*`{model.__name__}`[^|\n]*\|[^|\n]*\|\n\|---\|---\|\n((?:\|.*\n)+)",
        page.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    names = {
        name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert {"person", "user"} & names
    assert [name for name in names if not hasattr(model, name)] == []
    assert [name for name in names if re.search("sealed|hash|tail|digest", name)] == []


@references
def test_events_logs_faults_and_the_sandbox_have_their_place(page):
    text = page.read_text(encoding="utf-8")
    loggers = {
        name
        for path in (ROOT / "wxauth").rglob("*.py")
        for name in re.findall(r'getLogger\("(wxauth\.\w+)"\)', path.read_text())
    }
    kinds = {kind.__name__ for kind in faults.Fault.__subclasses__()}
    names = {*loggers, *Event.Kind.values, *kinds, *sandbox.ROUTES, *sandbox.KINDS}
    assert {name for name in names if f"`{name}`" not in text.replace("GET /", "GET `/")} == set()


@references
def test_every_count_has_its_place(page):
    source = "".join(path.read_text() for path in (ROOT / "wxauth/services").rglob("*.py"))
    names = set(re.findall(r'(?:_tell\(|count\([\w.]+, |name = )"(\w+)"', source))
    names |= {f"limit_{name}" for name in conf.LIMITS}
    names |= {f"opened_{position}" for position in ("own", "newest", "superseded")}
    assert {"login", "signup", "phone_code", "budget_spent", "undecryptable"} <= names
    assert names <= named(page).keys()


# -- all pages ---------------------------------------------------------------------------------


def test_every_page_is_there_in_both_languages_and_linked_from_the_readme():
    for page in DOCS.glob("*.md"):
        english = page.with_name(page.name.replace(".zh-CN", ""))
        assert english in PAIRS
        readme = ROOT / ("README.zh-CN.md" if "zh-CN" in page.name else "README.md")
        assert f"docs/{page.name}" in readme.read_text(encoding="utf-8")


@pairs
def test_both_languages_have_the_same_headings_and_the_same_code(page):
    chinese = page.with_suffix(".zh-CN.md")

    def outline(page):
        return [len(marks) for marks in re.findall(r"^(#+) ", prose(page), re.MULTILINE)]

    def plain(page):
        """Without the remarks, which have a language."""
        remark = r" *(?:#|//)[: ].*|^ *\"\"\".*\"\"\"$"
        return [re.sub(remark, "", block, flags=re.MULTILINE) for _language, block in code(page)]

    assert outline(page) == outline(chinese)
    assert plain(page) == plain(chinese)
    assert len(rows(page)) == len(rows(chinese))


@pages
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found), target


def anchors(page: Path) -> set[str]:
    """The anchors of headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_no_page_names_what_is_not_there(page):
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"\bwxauth\.([EW]\d+)", text)) <= CHECKS
    assert set(re.findall(r"manage\.py (wxauth_\w+)", text)) <= COMMANDS
    assert set(re.findall(r"\b((?:WXAUTH|WEB|MEDIA)_[A-Z_]+)\b", text)) <= VARIABLES
    assert set(re.findall(r'\bWXAUTH\["(\w+)"\]', text)) <= conf.KEYS
    for language, block in code(page):
        if language == "python" and "WXAUTH" in block:
            keys = set(re.findall(r'^    "([A-Z_]+)": |[{] *"([A-Z_]+)": ', block, re.MULTILINE))
            assert {name for pair in keys for name in pair if name} <= (
                conf.KEYS | checks.apps.APP_KEYS | {"DEFAULT_AUTHENTICATION_CLASSES"}
            )


@pages
def test_the_adapters_that_are_shown_override_hooks_that_there_are(page):
    for language, block in code(page):
        if language != "python" or "(BaseAdapter)" not in block:
            continue
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ClassDef):
                for hook in node.body:
                    expected = inspect.signature(getattr(Adapter, hook.name)).parameters
                    shown = [each.arg for each in (*hook.args.args, *hook.args.kwonlyargs)]
                    assert shown == list(expected)


# -- the threat model --------------------------------------------------------------------------


def lines_of_the_threat_model(text: str) -> list[tuple[str, list[str]]]:
    """Each line of the table: what is tried, and the tests that show what holds."""
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.count(" | ") == 3]
    return [(row[1], re.findall(r"`([^`]+)`", row[3])) for row in rows if row[1] != "tries"]


def missing_tests(lines: list[tuple[str, list[str]]]) -> list[str]:
    """The tests that are named and are not there."""
    named = [test.partition("::") for _tries, tests in lines for test in tests]
    return [
        f"{path}::{name}"
        for path, _colons, name in named
        if not (ROOT / "tests" / path).is_file()
        or not re.search(rf"^def {name}\(", (ROOT / "tests" / path).read_text(), re.MULTILINE)
    ]


def test_every_line_of_the_threat_model_is_shown_by_tests_that_exist():
    lines = lines_of_the_threat_model((ROOT / "SECURITY.md").read_text())
    assert len(lines) > 20
    assert [tries for tries, tests in lines if not tests] == []
    assert missing_tests(lines) == []


def test_a_test_that_is_gone_would_be_named():
    lines = lines_of_the_threat_model("| eve | shouts | ears | `test_docs.py::test_ears` |")
    assert missing_tests(lines) == ["test_docs.py::test_ears"]
    assert missing_tests([("shouts", ["test_ears.py::test_ears"])]) == ["test_ears.py::test_ears"]
