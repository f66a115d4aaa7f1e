"""Many processes, one access_token: obtained by one of them, whoever is killed or refused."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.utils import timezone, translation

import wxauth
from tests.statements import capture_statements
from wxauth.exceptions import DatabaseUnavailable, UnknownApp, WeChatUnavailable
from wxauth.models import AccessToken
from wxauth.services import upkeep
from wxauth.testing import faults
from wxauth.types import Secret
from wxauth.wiring import get_access_tokens

ROOT = Path(__file__).parents[2]
ONE = "wx0000000000000001"
PROCESSES, THREADS = 4, 50

pytestmark = pytest.mark.django_db(transaction=True)


def asked(fake):
    return Counter(call.path for call in fake.calls)


def own_source(appid):
    """What the tests name as ``ACCESS_TOKEN``."""
    return f"own of {appid}"


# -- several processes -----------------------------------------------------------------------------


class Worker:
    def __init__(self, process):
        self.process = process

    def send(self, *, threads=THREADS, later=0, seconds=5.0):
        round_ = {"threads": threads, "later": later, "seconds": seconds}
        print(json.dumps(round_), file=self.process.stdin, flush=True)

    def read(self):
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def start(fake_wechat):
    chosen = {"database": str(connection.settings_dict["NAME"]), "api_base": fake_wechat.url}
    command = [sys.executable, "-m", "tests.project.token_worker", json.dumps(chosen)]
    with ExitStack() as stack:

        def start(count):
            processes = [
                stack.enter_context(
                    subprocess.Popen(
                        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                    )
                )
                for _ in range(count)
            ]
            for process in processes:
                assert process.stdout.readline() == "ready\n"
            return [Worker(process) for process in processes]

        yield start


def stampede(workers, later=0):
    """Everybody at once: which token how often. Nobody waits for more than five seconds."""
    for worker in workers:
        worker.send(later=later)
    results = [worker.read() for worker in workers]
    assert max(waited for _, waited in results) < 5.5
    return Counter(token for tokens, _ in results for token in tokens)


@pytest.mark.waits
def test_four_processes_of_fifty_threads_share_one_token_cold_and_at_its_end(fake_wechat, start):
    workers = start(PROCESSES)
    cold = stampede(workers)
    assert cold == {fake_wechat.access_token(ONE).token: PROCESSES * THREADS}
    assert asked(fake_wechat) == {faults.TOKEN: 1}

    # Nearly over: one process obtains the next, the others go on with the old one or have it.
    fake_wechat.clock = lambda: time.time() + 7000
    both = stampede(workers, later=7000)
    (old,), new = cold, fake_wechat.access_token(ONE).token
    assert new != old
    assert set(both) <= {old, new}
    assert asked(fake_wechat) == {faults.TOKEN: 2}

    # Over: everybody waits for the next.
    fake_wechat.clock = lambda: time.time() + 15000
    assert stampede(workers, later=15000) == {
        fake_wechat.access_token(ONE).token: PROCESSES * THREADS
    }
    assert asked(fake_wechat) == {faults.TOKEN: 3}


@pytest.mark.waits
def test_a_killed_holder_of_the_lease_is_waited_for_and_then_replaced(fake_wechat, start):
    doomed, heir = start(2)
    fake_wechat.faults.add(faults.Slow(60), path=faults.TOKEN)
    doomed.send(threads=1)
    while not fake_wechat.calls:
        time.sleep(0.01)
    doomed.process.kill()
    doomed.process.wait()
    fake_wechat.faults.clear()

    heir.send(threads=5, seconds=0.3)
    assert heir.read()[0] == ["WeChatUnavailable"] * 5
    assert len(fake_wechat.calls) == 1
    left = AccessToken.objects.get(pk=ONE).leased_until - timezone.now()
    assert 0 < left.total_seconds() <= 10
    AccessToken.objects.update(leased_until=timezone.now())
    heir.send(threads=5)
    assert heir.read()[0] == [fake_wechat.access_token(ONE).token] * 5


# -- one process -----------------------------------------------------------------------------------


def test_a_token_is_stored_sealed_and_given_as_text(fake_wechat):
    token = wxauth.get_access_token()
    assert token == wxauth.get_access_token(ONE) == fake_wechat.access_token(ONE).token
    row = AccessToken.objects.get()
    assert (row.pk, row.lease_holder, row.leased_until) == (ONE, "", None)
    assert token not in row.sealed_token
    assert 7100 < (row.expires_at - timezone.now()).total_seconds() <= 7200
    with pytest.raises(UnknownApp):
        wxauth.get_access_token("wx-unknown")


def test_a_remembered_token_costs_no_statement(fake_wechat):
    wxauth.get_access_token()
    with capture_statements() as statements:
        wxauth.get_access_token()
    assert statements == []


def test_a_phone_number_is_obtained_with_a_token_that_somebody_ended(fake_wechat):
    openid = fake_wechat.person("alice").openid(ONE)
    wxauth.get_access_token()
    fake_wechat.revoke_access_tokens(ONE)
    code = Secret(fake_wechat.phone_code("alice", ONE))
    assert wxauth.get_client().get_phone_number(code, openid).number.reveal() == "+8613800138001"
    assert asked(fake_wechat) == {faults.TOKEN: 2, faults.PHONE: 2}


def test_a_login_by_code_never_touches_the_token(fake_wechat, client):
    def log_in():
        body = {"code": fake_wechat.login_code("alice", ONE)}
        return client.post("/api/wxauth/login/", body, content_type="application/json")

    with capture_statements() as statements:
        assert log_in().status_code == log_in().status_code == 200
    assert not [sql for sql in statements if "accesstoken" in sql.lower()]
    assert asked(fake_wechat) == {faults.LOGIN: 2}


def test_inside_a_transaction_nothing_is_locked_and_a_token_is_there_all_the_same(fake_wechat):
    with transaction.atomic():
        assert wxauth.get_access_token() == fake_wechat.access_token(ONE).token
        assert not AccessToken.objects.exists()
    assert wxauth.get_access_token()
    assert asked(fake_wechat) == {faults.TOKEN: 1}


def test_a_token_of_a_lost_key_is_replaced(fake_wechat, settings):
    wxauth.get_access_token()
    before = AccessToken.objects.get().sealed_token
    settings.WXAUTH = {
        **settings.WXAUTH,
        "ENCRYPTION_KEYS": ["b3RoZXItZW5jcnlwdGlvbi1rZXktLS0tLS0tLS0tLS0="],
    }
    assert wxauth.get_access_token() == fake_wechat.access_token(ONE).token
    assert AccessToken.objects.get().sealed_token != before


def test_a_token_is_resealed_with_the_newest_key(fake_wechat, settings):
    wxauth.get_access_token()
    before = AccessToken.objects.get().sealed_token
    newest = "b3RoZXItZW5jcnlwdGlvbi1rZXktLS0tLS0tLS0tLS0="
    settings.WXAUTH = {
        **settings.WXAUTH,
        "ENCRYPTION_KEYS": [newest, *settings.WXAUTH["ENCRYPTION_KEYS"]],
    }
    AccessToken.objects.create(pk="wx-without-a-token")
    assert [sums.unreadable for _, sums in upkeep.reseal()] == [0]
    assert AccessToken.objects.get(pk=ONE).sealed_token[:9] != before[:9]
    assert wxauth.get_access_token() == fake_wechat.access_token(ONE).token
    assert asked(fake_wechat) == {faults.TOKEN: 1}


def test_while_the_database_is_down_the_remembered_token_is_used(fake_wechat):
    token = wxauth.get_access_token()
    tokens = get_access_tokens()
    tokens._clock = lambda: time.time() + 7000

    def fail(execute, sql, params, many, context):
        from django.db import OperationalError

        raise OperationalError("gone")

    with connection.execute_wrapper(fail):
        assert tokens.get(ONE).reveal() == token
        tokens._clock = lambda: time.time() + 7300
        with pytest.raises(DatabaseUnavailable) as caught:
            tokens.get(ONE)
    assert caught.value.__context__ is None


def test_a_token_source_that_hangs_is_not_waited_for_long(fake_wechat):
    fake_wechat.faults.add(faults.Slow(60), path=faults.TOKEN, times=None)
    tokens, results = get_access_tokens(), []

    def ask(seconds):
        try:
            tokens.get(ONE, seconds=seconds)
        except WeChatUnavailable as error:
            results.append(error)
        finally:
            connections.close_all()

    first = threading.Thread(target=ask, args=(5,))
    first.start()
    while not fake_wechat.calls:
        time.sleep(0.01)
    others = [threading.Thread(target=ask, args=(0.2,)) for _ in range(20)]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join()
    assert len(results) == 20
    assert len(fake_wechat.calls) == 1
    fake_wechat.faults.clear()
    first.join()
    assert len(results) == 20


def test_a_project_has_a_token_server_of_its_own(fake_wechat, settings):
    apps = settings.WXAUTH["APPS"]
    path = f"{__name__}.own_source"
    settings.WXAUTH = {
        **settings.WXAUTH,
        "APPS": {**apps, ONE: {**apps[ONE], "ACCESS_TOKEN": path}},
    }
    assert wxauth.get_access_token(ONE) == f"own of {ONE}"
    assert not AccessToken.objects.exists()
    assert not fake_wechat.calls


# -- the command -----------------------------------------------------------------------------------


def run(*arguments):
    out = io.StringIO()
    with translation.override("en"):
        call_command("wxauth_access_token", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_says_until_when_and_never_what(fake_wechat):
    said = run(ONE)
    token = fake_wechat.access_token(ONE).token
    assert said.startswith(f"The access_token of {ONE} is good until 20")
    assert token not in said
    assert run(ONE) == said
    assert asked(fake_wechat) == {faults.TOKEN: 1}


def test_the_command_replaces_a_leaked_token_at_once_and_everybody_has_the_next(fake_wechat):
    leaked = wxauth.get_access_token()
    said = run(ONE, "--force-refresh")
    token = wxauth.get_access_token()
    assert token == fake_wechat.access_token(ONE).token != leaked
    assert token not in said
    assert fake_wechat.calls[-1].params["force_refresh"] is True
    get_access_tokens()._known.clear()
    assert wxauth.get_access_token() == token
    assert asked(fake_wechat) == {faults.TOKEN: 2}


def test_the_command_says_why_not(fake_wechat):
    with pytest.raises(CommandError):
        run("wx-unknown")
    run(ONE, "--force-refresh")
    with pytest.raises(CommandError, match="minute quota"):
        run(ONE, "--force-refresh")
