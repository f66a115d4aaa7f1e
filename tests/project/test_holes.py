"""What is made of pip-audit's report on the locked dependencies."""

from __future__ import annotations

import json

import pytest

from tests import holes

DJANGO = {"name": "django", "version": "5.2.0", "vulns": []}
HOLE = {"id": "CVE-2025-0001", "fix_versions": ["5.2.1"], "aliases": [], "description": "…"}
SKIPPED = {"name": "requests", "skip_reason": "Dependency not found on PyPI"}


def report(*packages):
    return json.dumps({"dependencies": packages, "fixes": []})


@pytest.fixture
def run(monkeypatch, capsys):
    """The exit status and what is printed, where pip-audit reports this of every file."""

    def run(text):
        monkeypatch.setattr(holes, "audit", lambda locked: text)
        return holes.main(), capsys.readouterr().out

    return run


def test_without_holes_it_passes_and_says_how_much_was_looked_up(run):
    status, said = run(report(DJANGO, {**DJANGO, "name": "requests"}))
    assert status == 0
    assert "run.txt: 2 packages looked up." in said


def test_a_known_hole_fails_and_is_named_with_the_version_that_mends_it(run):
    status, said = run(report({**DJANGO, "vulns": [HOLE]}, SKIPPED))
    assert status == 1
    assert "django 5.2.0: CVE-2025-0001, mended in 5.2.1" in said
    assert "1 of 2 COULD NOT BE LOOKED UP" in said


def test_where_the_index_could_not_be_asked_it_says_so_and_passes(run):
    status, said = run(report(SKIPPED, SKIPPED))
    assert status == 0
    assert "2 of 2 COULD NOT BE LOOKED UP" in said
    # Gave up without a report.
    status, said = run("")
    assert status == 0
    assert "nothing is known of it" in said
