"""What happened is counted in memory, written when a request has ended, and never twice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.core.management.base import CommandError
from django.core.signals import request_finished
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone

from tests.api.phone import call
from tests.statements import capture_statements
from tests.together import together
from wxauth.clock import today
from wxauth.management.base import CountingCommand
from wxauth.models import DailyCount
from wxauth.services.journal import counts

ROOT = Path(__file__).parents[3]
APP = "wx0000000000000001"


@pytest.fixture(autouse=True)
def nothing_counted(monkeypatch):
    monkeypatch.setattr(counts, "_by_process", {})


@pytest.fixture
def all_due(monkeypatch):
    monkeypatch.setattr(counts, "INTERVAL", 0.0)


def rows():
    return {(row.appid, row.name): row.value for row in DailyCount.objects.all()}


def request_ends():
    request_finished.send(sender=None)


# -- when ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_count_asks_the_database_nothing_until_it_is_written():
    with capture_statements() as statements:
        for _ in range(3):
            counts.count(APP, "login")
        counts.count("", "limit_login_address", 5)
    assert statements == []
    counts.flush()
    assert rows() == {(APP, "login"): 3, ("", "limit_login_address"): 5}
    assert set(DailyCount.objects.values_list("day", flat=True)) == {today(timezone.now())}


@pytest.mark.django_db(transaction=True)
def test_the_first_request_that_ends_after_ten_seconds_writes(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    counts.count(APP, "login")
    for waited, written in [(0, {}), (9.9, {}), (10, {(APP, "login"): 2})]:
        now[0] = 1000.0 + waited
        if waited == 9.9:
            counts.count(APP, "login")
        request_ends()
        assert rows() == written
    # What is counted now waits for ten seconds of its own.
    counts.count(APP, "login")
    request_ends()
    assert rows() == {(APP, "login"): 2}


@pytest.mark.django_db(transaction=True)
def test_any_request_will_do_and_it_pays_with_no_statement_of_its_own(client, all_due):
    counts.count(APP, "login")
    assert client.get("/healthz").status_code == 200
    assert rows() == {(APP, "login"): 1}
    with capture_statements() as statements:
        client.get("/healthz")
    assert statements == []


@pytest.mark.django_db(transaction=True)
def test_under_asgi_too(all_due):
    counts.count(APP, "login")
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": "/healthz",
        "query_string": b"", "headers": [(b"host", b"testserver")],
    }  # fmt: skip

    async def ask():
        server = ApplicationCommunicator(get_asgi_application(), scope)
        await server.send_input({"type": "http.request"})
        assert (await server.receive_output())["status"] == 200
        await server.receive_output()
        await server.wait()

    async_to_sync(ask)()
    assert rows() == {(APP, "login"): 1}


@pytest.mark.django_db(transaction=True)
def test_within_a_transaction_nothing_is_written_and_nothing_lost(all_due):
    """Neither in a project's TestCase, which rolls back, nor where a view asks its own project."""
    counts.count(APP, "login")
    with transaction.atomic(), capture_statements() as statements:
        request_ends()
        counts.flush()
    assert statements == []
    request_ends()
    assert rows() == {(APP, "login"): 1}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", [False, True])
def test_a_command_writes_when_it_ends(fails):
    class Command(CountingCommand):
        def handle(self, *args, **options):
            counts.count(APP, "merged")
            if fails:
                raise CommandError("no")

    command = Command()
    options = {"force_color": False, "no_color": True, "skip_checks": True}
    try:
        command.execute(**options)
    except CommandError:
        assert fails
    assert rows() == {(APP, "merged"): 1}


# -- how -----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_each_sum_is_one_update():
    for _ in range(2):
        counts.count(APP, "login")
        counts.count(APP, "signup")
        with capture_statements() as statements:
            counts.flush()
    assert [sql.split()[0] for sql in statements] == ["UPDATE", "UPDATE"]
    assert rows() == {(APP, "login"): 2, (APP, "signup"): 2}
    with capture_statements() as statements:
        counts.flush()
    assert statements == []


@pytest.mark.django_db(transaction=True)
def test_processes_that_write_at_once_lose_nothing():
    def write():
        mine = counts.Counts()
        for _ in range(5):
            mine.add(APP, "login", 1)
            mine.add(APP, "signup", 2)
            mine.flush()
        # A write that met the others' lock is kept for the next time.
        while mine._sums:
            mine.flush()

    together([write] * 8)
    assert rows() == {(APP, "login"): 40, (APP, "signup"): 80}


@pytest.mark.django_db(transaction=True)
def test_of_requests_that_end_at_once_one_writes_and_the_others_go_on(monkeypatch, all_due):
    writing, go_on = threading.Event(), threading.Event()
    real = counts._write_down

    def write_down(*args):
        writing.set()
        assert go_on.wait(10)
        real(*args)

    monkeypatch.setattr(counts, "_write_down", write_down)

    def end_request():
        request_ends()
        connections.close_all()

    counts.count(APP, "login")
    first = threading.Thread(target=end_request)
    first.start()
    assert writing.wait(10)
    counts.count(APP, "login")
    request_ends()  # Would wait for itself, if it wrote.
    go_on.set()
    first.join()
    assert rows() == {(APP, "login"): 1}
    request_ends()
    assert rows() == {(APP, "login"): 2}


@pytest.mark.django_db(transaction=True)
def test_a_connection_is_left_as_the_project_wants_it(monkeypatch, all_due):
    counts.count(APP, "login")
    request_ends()
    assert connection.connection is None
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)
    counts.count(APP, "login")
    request_ends()
    assert connection.connection is not None
    assert rows() == {(APP, "login"): 2}


@pytest.mark.django_db(transaction=True)
def test_what_the_database_does_not_take_is_kept_and_fails_no_request(
    monkeypatch, caplog, client, all_due
):
    counts.count(APP, "login")
    with monkeypatch.context() as patch:

        def fail(*args, **kwargs):
            raise OperationalError("down")

        patch.setattr(counts, "_write_down", fail)
        assert client.get("/healthz").status_code == 200
        counts.count(APP, "login")
        assert call(client, "GET", "me/").status_code == 401
        # A database in trouble is asked again when ten seconds have passed, not by every request.
        patch.setattr(counts, "INTERVAL", 3600)
        before = caplog.text
        assert client.get("/healthz").status_code == 200
        assert caplog.text == before
    assert "could not be written: OperationalError" in caplog.text
    request_ends()
    assert rows() == {(APP, "login"): 2}


# -- forks, and processes that end ---------------------------------------------------------------

FORK = """
import os, sys, threading
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from wxauth.services.journal import counts
counts.count("wx0000000000000001", "login")
sums = counts._counts()
# Another thread of the parent's is in the middle of everything.
with sums._lock, sums._writing:
    child = os.fork()
counts.count("wx0000000000000001", "child" if child == 0 else "parent")
counts.flush()
counts.count("wx0000000000000001", "lost")
if child:
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.waits
def test_a_fork_does_not_write_its_parents_counts_again():
    """And whatever no request and no command has written ends with the process."""
    command = [sys.executable, "-c", FORK, str(connection.settings_dict["NAME"])]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert rows() == {(APP, name): 1 for name in ("login", "parent", "child")}


# -- metrics -------------------------------------------------------------------------------------


def test_prometheus_is_told_where_it_is_installed():
    client = pytest.importorskip("prometheus_client")
    labels = {"appid": APP, "outcome": "told"}
    counts.count(APP, "told", 2)
    assert client.REGISTRY.get_sample_value("wxauth_outcomes_total", labels) == 2


@pytest.mark.waits
def test_without_prometheus_nothing_is_missing():
    script = (
        "import sys, os; sys.modules['prometheus_client'] = None;"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings';"
        "import django; django.setup();"
        "from wxauth.services.journal import counts;"
        "counts.count('', 'x'); print(counts._metric)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    assert run.stdout.strip() == "None"
