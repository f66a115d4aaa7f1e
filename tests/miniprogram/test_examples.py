"""The examples for uni-app, Taro and TypeScript: built as their users build them, and run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import find_program
from .servers import ROOT, Servers

pytestmark = pytest.mark.client

#: Where each of them is opened in the developer tools.
BUILT = {"uni-app": "dist/build/mp-weixin", "taro": "dist", "typescript": "miniprogram"}


@pytest.mark.parametrize("name", BUILT)
def test_an_example_is_built_and_logs_in(running: Servers, tmp_path: Path, name: str):
    quiet = shutil.ignore_patterns("node_modules", "dist")
    shutil.copytree(ROOT / "miniprogram", tmp_path / "miniprogram", ignore=quiet)
    folder = tmp_path / "miniprogram" / "examples" / name
    # Not "ci": it wants the parts for other platforms in the lock, which npm itself leaves out.
    for command in (["install", "--ignore-scripts", "--no-progress"], ["run", "build"]):
        subprocess.run(
            [find_program("npm"), *command], cwd=folder, check=True, timeout=600, env=silent()
        )
    built = folder / BUILT[name]
    if name == "typescript":
        # As WeChat's npm builder does: what the package calls "miniprogram" is taken as it is.
        shutil.copytree(ROOT / "miniprogram/npm", built / "node_modules/wxauth-miniprogram")
    done = subprocess.run(
        [find_program("node"), "--test", str(Path(__file__).parent / "examples.test.mjs")],
        env={
            **running.environment,
            "WXAUTH_BACKEND": running.backend,
            "WXAUTH_SANDBOX": running.sandbox,
            "WXAUTH_EXAMPLE": name,
            "WXAUTH_BUILT": str(built),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n# pass 1\n" in done.stdout.replace("ℹ", "#")


def silent() -> dict[str, str]:
    """Taro asks whether it may report what it builds; nobody answers here."""
    return {**os.environ, "CI": "true", "DO_NOT_TRACK": "1"}
