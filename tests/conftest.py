from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Iterator
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


#: The markers of tests that may start processes; ``make test`` leaves all of them out.
_PATIENT = {"client", "hosts", "slow", "waits", "wheel"}
_STARTS = {"os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen"}
_hurried: str | None = None


def _object_to_processes(event: str, args: object) -> None:
    if _hurried and event in _STARTS:
        pytest.fail(f"{_hurried} starts a process: mark it with pytest.mark.waits.")


sys.addaudithook(_object_to_processes)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    global _hurried
    _hurried = None if _PATIENT & {mark.name for mark in item.iter_markers()} else item.nodeid
    try:
        return (yield)
    finally:
        _hurried = None


def pytest_collection_finish() -> None:
    """What has been imported stays: no collection of garbage has to look at it again."""
    gc.collect()
    gc.freeze()
