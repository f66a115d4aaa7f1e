from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def make(*arguments: str) -> str:
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.waits
def test_make_alone_lists_every_target():
    targets = {line.split()[0] for line in make().splitlines()}
    tests = {"test", "test-all", "mutants", "versions", "lint", "bench"}
    assert targets == {"help", "setup", "run", *tests, "lock"}


@pytest.mark.parametrize(
    ("target", "commands"),
    [
        ("run", ["manage.py migrate", "manage.py dev --host 0.0.0.0 --port 9000"]),
        ("test", ["-m pytest"]),
        ("test-all", ["tests/databases.py"]),
        ("versions", [".venv/bin/nox"]),
        ("bench", ["-m bench"]),
        ("mutants", ["tests/mutants.py"]),
        ("lint", ["ruff check", "ruff format --check", "mypy", "lint-imports"]),
    ],
)
@pytest.mark.waits
def test_a_target_does_what_it_says(target: str, commands: list[str]):
    lines = make("-n", target, "HOST=0.0.0.0", "PORT=9000")
    assert all(command in lines for command in commands)


@pytest.mark.waits
def test_a_fresh_clone_makes_its_own_environment(tmp_path: Path):
    for name in ("Makefile", "requirements"):
        (tmp_path / name).symlink_to(ROOT / name)
    lines = make("-n", "-C", str(tmp_path), "run", "PYTHON=python3.99").splitlines()
    steps = ["python3.99 -m venv .venv", "-r requirements/run.txt", "manage.py migrate"]
    found = [next(i for i, line in enumerate(lines) if step in line) for step in steps]
    assert found == sorted(found)


@pytest.mark.parametrize("name", ["run", "dev", "databases", "bench", "security"])
def test_every_pinned_version_has_a_hash_and_no_index_is_named(name: str):
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert pins
    assert all("==" in pin and pin.endswith("\\") for pin in pins)
    assert "://" not in text
    assert "index-url" not in text


def test_what_runs_is_what_is_tested():
    def pins(name: str) -> set[str]:
        lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
        return {line.split()[0] for line in lines if "==" in line}

    assert pins("run") < pins("dev")


def test_python_3_11_gets_the_lts_and_3_12_a_newer_django():
    text = (ROOT / "requirements" / "run.txt").read_text()
    assert "django==5.2." in text
    newer = [line for line in text.splitlines() if line.startswith("django==6")]
    assert len(newer) == 1
    assert "python_full_version >= '3.12'" in newer[0]
