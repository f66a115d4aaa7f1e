"""Merging, joining and importing with a user model that is not Django's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.waits

ROOT = Path(__file__).parents[2]


def test_any_user_model_and_key_will_do(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.members.script", str(tmp_path / "people.jsonl")],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said.pop("summary") == "1 added, 0 changed, 0 unchanged, 1 refused."
    assert [name for name, true in said.items() if not true] == []
