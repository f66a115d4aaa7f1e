"""``tests/mutants.py`` breaks what it says, and tells who noticed."""

from __future__ import annotations

import re

import pytest

from tests import mutants
from tests.mutants import MUTANTS, ROOT, Mutant

#: A tree of two files: a lock, and the test of it.
TREE = {
    "lock.py": "def opens(key):\n    return key == 'alice'\n",
    "test_lock.py": (
        "from lock import opens\n\n\n"
        "def test_alice_opens_it():\n    assert opens('alice')\n\n\n"
        "def test_bob_does_not():\n    assert not opens('bob')\n"
    ),
}
NOTICED = Mutant("lock.py", "everybody", "key == 'alice'", "True", ("test_lock.py",))


def test_there_are_sixty_and_each_breaks_one_line_that_is_there():
    assert len(MUTANTS) >= 60
    wrong = [str(mutant) for mutant in MUTANTS if mutants.count_old(mutant) != 1]
    assert not wrong, "Their old text does not stand there once: bring it up to date."
    assert len({(mutant.file, mutant.new, mutant.old) for mutant in MUTANTS}) == len(MUTANTS)


def test_every_test_that_a_mutant_names_is_there():
    for test in {test for mutant in MUTANTS for test in mutant.tests}:
        path, _colons, name = test.partition("::")
        source = (ROOT / path).read_text()
        assert re.search(rf"^def {name or 'test_'}", source, re.MULTILINE), test


@pytest.fixture
def tree(tmp_path, monkeypatch):
    for name, text in TREE.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")
    return tmp_path


@pytest.mark.waits
@pytest.mark.parametrize(
    ("mutant", "status", "said"),
    [
        (NOTICED, 0, "caught"),
        (Mutant("lock.py", "nothing", "'alice'", '"alice"', ("test_lock.py",)), 1, "SURVIVED"),
        (Mutant("lock.py", "nobody", "'carol'", "'bob'", ("test_lock.py",)), 1, "0 times"),
        (Mutant("lock.py", "no import", "return", "retrun", ("test_lock.py",)), 1, "did not run"),
    ],
    ids=["caught", "survived", "gone", "unreadable"],
)
def test_a_mutant_is_caught_by_a_test_that_fails_and_by_nothing_else(
    tree, monkeypatch, capsys, mutant, status, said
):
    monkeypatch.setattr(mutants, "MUTANTS", [mutant])
    assert mutants.main([]) == status
    assert said in capsys.readouterr().out
    assert (tree / "lock.py").read_text() == TREE["lock.py"]


@pytest.mark.waits
def test_tests_that_fail_by_themselves_catch_nothing(tree, monkeypatch, capsys):
    (tree / "lock.py").write_text("def opens(key):\n    return True\n")
    monkeypatch.setattr(mutants, "MUTANTS", [NOTICED])
    assert mutants.main([]) == 1
    assert "have to pass before" in capsys.readouterr().out
