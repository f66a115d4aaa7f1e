"""A secret shows itself to nobody who did not ask, and is compared in one way."""

from __future__ import annotations

import ast
import hmac
import pickle
from pathlib import Path

import pytest

from wxauth import types
from wxauth.types import Secret

ROOT = Path(__file__).parents[1]


def test_a_secret_matches_the_same_text_and_nothing_else():
    key = Secret("wxa_ä\ud800")
    assert key.matches(key)
    assert key.matches(Secret("wxa_ä\ud800"))
    for other in (None, Secret(""), Secret("wxa_ä"), Secret("wxa_ä\ud801"), Secret("WXA_ä\ud800")):
        assert not key.matches(other)
    assert Secret("").matches(Secret(""))
    assert not Secret("").matches(None)


def test_how_long_a_comparison_takes_is_not_ours_to_say(monkeypatch):
    asked = []

    def compare(one, other):
        asked.append((one, other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(types, "hmac", type("hmac", (), {"compare_digest": staticmethod(compare)}))
    assert not Secret("a").matches(Secret("b"))
    assert asked == [(b"a", b"b")]


def test_a_secret_is_neither_shown_nor_pickled():
    key = Secret("canary")
    assert "canary" not in f"{key} {key!r} {[key]}"
    with pytest.raises(TypeError):
        pickle.dumps(key)


def comparisons(root: Path) -> list[str]:
    """Where revealed secrets are compared otherwise. The fake has secrets of its own."""
    found = []
    for path in sorted(root.rglob("*.py")):
        if "testing" in path.relative_to(root).parts:
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
            revealed = any(
                isinstance(part, ast.Attribute) and part.attr in {"reveal", "_text"}
                for side in sides
                for part in ast.walk(side)
            )
            digest = isinstance(node, ast.Attribute) and node.attr == "compare_digest"
            if revealed or (digest and path.name != "types.py"):
                found.append(f"{path.name}:{node.lineno}")
    return found


@pytest.mark.parametrize("package", ["wxauth", "users", "config"])
def test_secrets_are_compared_by_matches_alone(package):
    assert comparisons(ROOT / package) == [], "Compare secrets with Secret.matches."


@pytest.mark.parametrize(
    "line",
    [
        "one.reveal() == other.reveal()",
        "one.reveal().encode() != other",
        "text in (one.reveal(), other.reveal())",
        "hmac.compare_digest(one, other)",
    ],
)
def test_another_comparison_would_be_found(tmp_path, line):
    (tmp_path / "elsewhere.py").write_text(f"import hmac\n{line}\n")
    assert comparisons(tmp_path) == ["elsewhere.py:2"]
