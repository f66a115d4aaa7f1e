"""That the bench works. Its figures are for people: no test looks at them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def test_a_few_operations_of_each_kind_give_every_table():
    if connection.vendor != "postgresql":
        pytest.skip("It brings its own servers: once, among the tests on PostgreSQL, is enough.")
    done = subprocess.run(
        ["make", "--no-print-directory", "bench"],
        cwd=ROOT,
        env=os.environ | {"SMOKE": "1", "PROFILE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("### ") == 7
    assert "| returning login | wxauth (project) |" in done.stdout
    assert "Traceback" not in done.stdout


def test_growth_measures_every_operation_at_every_size():
    if connection.vendor != "postgresql":
        pytest.skip("It brings its own servers: once, among the tests on PostgreSQL, is enough.")
    done = subprocess.run(
        ["make", "--no-print-directory", "bench", "GROWTH=1500 2000"],
        cwd=ROOT,
        env=os.environ | {"ROWS": "500"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    for operation in ("returning", "me", "clear, nothing to do", "rotate, a row"):
        assert done.stdout.count(f"| {operation} |") == 2
    assert "Traceback" not in done.stdout
