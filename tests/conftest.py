from __future__ import annotations

import gc
import os
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

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


#: So many cases of one test are tried where some will do.
SOME = 3


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--some",
        action="store_true",
        help=f"try at most {SOME} cases of each test, others each time",
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Once markers have had their say. Every worker comes to the same choice: by one seed."""
    if not config.getoption("some"):
        return
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    chance = random.Random(config.getoption("randomly_seed", 0))
    left_out = {
        item
        for name in sorted(cases)
        for item in chance.sample(sorted(cases[name], key=_id), max(0, len(cases[name]) - SOME))
    }
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


def _id(item: pytest.Item) -> str:
    return item.nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: a test that waits for a socket leaves its core to another."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_finish() -> None:
    """What has been imported stays: no collection of garbage has to look at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """After each flush Django works out anew which permissions there are. Put the rows back.

    It was a tenth of the time of all tests.
    """
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType
    from django.core.management.color import no_style
    from django.core.management.commands import flush
    from django.db import connections

    models = (ContentType, Permission)
    with django_db_blocker.unblock():
        kept = {model: list(model._default_manager.values_list()) for model in models}

    def put_back(verbosity: int, interactive: bool, database: str) -> None:
        connection = connections[database]
        quote = connection.ops.quote_name
        with connection.cursor() as cursor:
            for model, rows in kept.items():
                columns = [quote(field.column) for field in model._meta.concrete_fields]
                places = ", ".join(["%s"] * len(columns))
                table = quote(model._meta.db_table)
                cursor.executemany(
                    f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows
                )
            for sql in connection.ops.sequence_reset_sql(no_style(), list(models)):
                cursor.execute(sql)

    with mock.patch.object(flush, "emit_post_migrate_signal", put_back):
        yield
