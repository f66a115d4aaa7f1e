from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import NoReturn

import pytest

from .servers import Servers, clean_environment, serving


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The project and the sandbox, as nobody has configured them."""
    with serving(clean_environment(), tmp_path_factory.mktemp("servers")) as both:
        yield both


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
