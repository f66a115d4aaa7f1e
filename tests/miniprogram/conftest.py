from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from .servers import Servers, clean_environment, serving


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The project and the sandbox, as nobody has configured them."""
    with serving(clean_environment(), tmp_path_factory.mktemp("servers")) as both:
        yield both


@pytest.fixture(scope="session")
def packages() -> Path:
    """The folder of the locked packages, installed where they are not."""
    folder = Path(__file__).parent
    stamp = folder / "node_modules" / ".package-lock.json"
    lock = folder / "package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        command = [find_program("npm"), "ci", "--ignore-scripts", "--no-progress"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
    return folder / "node_modules"


def missing(what: str) -> NoReturn:
    """Said aloud on a developer's machine; an error in CI, where it would prove nothing."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing.")
    pytest.skip(f"{what} is missing.")


def find_program(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    missing(" or ".join(names))
