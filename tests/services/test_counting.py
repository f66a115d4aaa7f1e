"""What happened is counted off the request's path, and nothing is counted twice or lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.db import OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from wxauth.clock import today
from wxauth.models import DailyCount
from wxauth.services import counting

ROOT = Path(__file__).parents[2]
APP = "wx0000000000000001"


@pytest.fixture(autouse=True)
def counts(monkeypatch):
    fresh = counting.Counts()
    monkeypatch.setattr(counting, "_counts", fresh)
    return fresh


def rows():
    return {(row.appid, row.name): row.value for row in DailyCount.objects.all()}


@pytest.mark.django_db
def test_a_count_asks_the_database_nothing_until_it_is_written(django_assert_num_queries):
    with django_assert_num_queries(0):
        for _ in range(3):
            counting.count(APP, "login")
        counting.count("", "limit_login_address", 5)
    counting.flush()
    assert rows() == {(APP, "login"): 3, ("", "limit_login_address"): 5}
    assert set(DailyCount.objects.values_list("day", flat=True)) == {today(timezone.now())}


@pytest.mark.django_db
def test_each_sum_is_one_update():
    for _ in range(2):
        counting.count(APP, "login")
        counting.count(APP, "signup")
        with CaptureQueriesContext(connection) as captured:
            counting.flush()
    assert [query["sql"].split()[0] for query in captured] == ["UPDATE", "UPDATE"]
    assert rows() == {(APP, "login"): 2, (APP, "signup"): 2}
    with CaptureQueriesContext(connection) as captured:
        counting.flush()
    assert not captured.captured_queries


@pytest.mark.django_db(transaction=True)
def test_processes_that_write_at_once_lose_nothing():
    gate = threading.Barrier(8)

    def write():
        mine = counting.Counts()
        gate.wait()
        try:
            for _ in range(5):
                mine.add(APP, "login", 1)
                mine.add(APP, "signup", 2)
                mine.flush()
            # A write that met the others' lock is kept for the next time.
            while mine._sums:
                mine.flush()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows() == {(APP, "login"): 40, (APP, "signup"): 80}


@pytest.mark.django_db
def test_what_the_database_does_not_take_is_kept(monkeypatch, counts, caplog):
    counting.count(APP, "login")
    with monkeypatch.context() as patch:

        def fail(*args, **kwargs):
            raise OperationalError("down")

        patch.setattr(counting, "_write_down", fail)
        counting.flush()
        counting.count(APP, "login")
        counting.flush()
    assert "could not be written: OperationalError" in caplog.text
    counting.flush()
    assert rows() == {(APP, "login"): 2}


def test_a_thread_of_its_own_writes_again_and_again(monkeypatch, counts):
    written = threading.Semaphore(0)
    monkeypatch.undo()  # The plugin keeps the writer of other tests from starting.
    monkeypatch.setattr(counting, "INTERVAL", 0.001)
    monkeypatch.setattr(counts, "flush", written.release)
    counts.add(APP, "login", 1)
    for _ in range(3):
        assert written.acquire(timeout=10)
    assert counts._writer.daemon
    # It goes on resting, and has nothing to write.
    counts._sums.clear()
    monkeypatch.setattr(counting, "INTERVAL", 3600)


SCRIPT = """
import json, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from wxauth.services.counting import count
count("wx0000000000000001", "login")
if sys.argv[2] == "fork":
    child = os.fork()
    count("wx0000000000000001", "child" if child == 0 else "parent")
    if child:
        assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("how", "expected"),
    [("end", {"login": 1}), ("fork", {"login": 1, "child": 1, "parent": 1})],
)
def test_a_process_writes_what_it_has_when_it_ends(how, expected):
    name = str(connection.settings_dict["NAME"])
    command = [sys.executable, "-c", SCRIPT, name, how]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert {name: value for (_, name), value in rows().items()} == expected


def test_prometheus_is_told_where_it_is_installed():
    client = pytest.importorskip("prometheus_client")
    labels = {"appid": APP, "outcome": "told"}
    counting.count(APP, "told", 2)
    assert client.REGISTRY.get_sample_value("wxauth_outcomes_total", labels) == 2


def test_without_prometheus_nothing_is_missing():
    script = (
        "import sys, os; sys.modules['prometheus_client'] = None;"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings';"
        "import django; django.setup();"
        "from wxauth.services import counting; import atexit; atexit.unregister(counting.flush);"
        "counting.count('', 'x'); print(counting._metric)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    assert json.dumps(run.stdout.strip()) == '"None"'
