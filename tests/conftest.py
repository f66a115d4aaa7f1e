from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

# The wheel's entry point does this where wxauth is installed.
pytest_plugins = ["wxauth.testing.plugin"]

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment for a process of the project that nobody has configured.

    Every variable of the project is there, and empty: that counts as unset, and keeps the
    developer's own ``.env`` out.
    """
    example = (ROOT / ".env.example").read_text()
    names = re.findall(r"^#([A-Z_]+)=", example, re.MULTILINE)
    return os.environ | dict.fromkeys([*names, "DJANGO_SETTINGS_MODULE"], "")
