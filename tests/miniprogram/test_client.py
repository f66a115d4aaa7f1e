"""The client under Node: against the real server and sandbox, and against the contract."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import find_program
from .servers import MANAGE, ROOT, Servers, free_port

pytestmark = pytest.mark.client
FOLDER = Path(__file__).parent


@pytest.mark.parametrize(
    ("name", "form"),
    [
        *itertools.product(["server", "network", "contract"], ["wxauth.js", "npm/index.js"]),
        ("sample", "wxauth.js"),
    ],
)
def test_the_client_does_what_its_tests_say(running: Servers, name: str, form: str):
    done = subprocess.run(
        [find_program("node"), "--test", str(FOLDER / f"{name}.test.mjs")],
        env={
            **running.environment,
            "WXAUTH_CLIENT": str(ROOT / "miniprogram" / form),
            "WXAUTH_BACKEND": running.backend,
            "WXAUTH_SANDBOX": running.sandbox,
            "WXAUTH_PYTHON": sys.executable,
            "WXAUTH_MANAGE": MANAGE,
            "WXAUTH_SPARE_PORT": str(free_port()),
        },
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # A run that found no test succeeds as well.
    assert "\n# pass 0\n" not in done.stdout.replace("ℹ", "#")
