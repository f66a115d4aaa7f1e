"""Many requests, one stranger: at the end there is one user, whoever was faster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections, transaction
from django.test import Client

from tests.together import together
from wxauth.models import Identity, Login, OpenId, Person

ROOT = Path(__file__).parents[2]
ONE, TWO = "wx0000000000000001", "wx0000000000000002"
THREADS, PROCESSES = 50, 16
# SQLite lets one writer in at a time, whatever the round: one is enough for `make test`.
ROUNDS = int(os.environ.get("RACE_ROUNDS", 1 if connection.vendor == "sqlite" else 20))

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def room_for_everybody(settings):
    """What is tried is the database: nobody is turned away before it, however slow the machine."""
    settings.WXAUTH = {**settings.WXAUTH, "CONCURRENCY": 64}


def log_in(fake, name, appid=ONE):
    """A login as a request would make it; the code is fetched beforehand."""
    request = {"code": fake.login_code(name, appid), "appid": appid}

    def send():
        answer = Client(raise_request_exception=False).post(
            "/api/wxauth/login/", request, content_type="application/json"
        )
        if answer.status_code == 503:
            assert answer["Retry-After"]
        return answer.status_code, answer.json()

    return send


def strangers(fake):
    """A new person a round: every other one has no unionid, so that only the openid is unique."""
    for number in range(ROUNDS):
        unionid = None if number % 2 else f"union-{number}"
        yield fake.add_person(f"stranger-{number}", unionid=unionid).name


def rows():
    """How many there are of everything."""
    models = {
        "users": get_user_model(),
        "persons": Person,
        "identities": Identity,
        "openids": OpenId,
        "logins": Login,
    }
    return {name: model._base_manager.count() for name, model in models.items()}


def clear():
    get_user_model()._base_manager.all().delete()


def one_user(answers):
    """Everybody was let in as one and the same user, who was made once."""
    assert Counter(status for status, _ in answers) == {200: len(answers)}, answers
    bodies = [body for _, body in answers]
    assert sum(body["created"] for body in bodies) == 1
    assert len({body["user"]["id"] for body in bodies}) == 1
    assert len({body["token"] for body in bodies}) == len(bodies)


def test_fifty_threads_make_one_user_of_a_stranger(fake_wechat):
    for name in strangers(fake_wechat):
        answers = together([log_in(fake_wechat, name) for _ in range(THREADS)])

        one_user(answers)
        assert rows() == {
            "users": 1, "persons": 1, "identities": 1, "openids": 1, "logins": THREADS,
        }  # fmt: skip
        clear()


@pytest.fixture
def processes(fake_wechat):
    """Server processes on the test's database, waiting for codes."""
    chosen = {"database": str(connection.settings_dict["NAME"]), "api_base": fake_wechat.url}
    command = [sys.executable, "-m", "tests.project.race_worker", json.dumps(chosen)]
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            for _ in range(PROCESSES)
        ]
        assert [process.stdout.readline() for process in started] == ["ready\n"] * PROCESSES
        yield started


@pytest.mark.waits
def test_sixteen_processes_make_one_user_of_a_stranger(fake_wechat, processes):
    for name in strangers(fake_wechat):
        rounds = [
            json.dumps([{"code": fake_wechat.login_code(name, ONE), "appid": ONE}])
            for _ in processes
        ]
        for process, round_ in zip(processes, rounds, strict=True):
            print(round_, file=process.stdin, flush=True)
        answers = [
            answer for process in processes for answer in json.loads(process.stdout.readline())
        ]

        one_user(answers)
        assert rows() == {
            "users": 1, "persons": 1, "identities": 1, "openids": 1,
            "logins": PROCESSES,
        }  # fmt: skip
        clear()


def test_one_person_in_two_apps_at_the_same_moment_is_one_user(fake_wechat):
    for number in range(ROUNDS):
        name = fake_wechat.add_person(f"traveller-{number}", unionid=f"union-{number}").name
        answers = together(
            [log_in(fake_wechat, name, (ONE, TWO)[n % 2]) for n in range(THREADS // 2)]
        )

        one_user(answers)
        assert rows() == {
            "users": 1, "persons": 1, "identities": 1, "openids": 2, "logins": THREADS // 2,
        }  # fmt: skip
        clear()


#: MySQL has dropped MariaDB's name of it, and the other way round.
LEVEL = {
    "postgresql": "SHOW transaction_isolation",
    "mysql": "SHOW VARIABLES WHERE Variable_name IN ('tx_isolation', 'transaction_isolation')",
}


@pytest.fixture(params=["repeatable read", "serializable"])
def isolation(request):
    """New connections start their transactions at a stricter level than the default."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite knows one level, and it is serializable.")
    level = request.param
    if connection.vendor == "postgresql":
        from django.db.backends.postgresql.psycopg_any import IsolationLevel

        level = IsolationLevel[level.upper().replace(" ", "_")]
    options = connections.settings["default"]["OPTIONS"]
    options["isolation_level"] = level
    yield request.param
    del options["isolation_level"]


def test_stricter_isolation_makes_one_user_too(fake_wechat, isolation):
    def level():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(LEVEL[connection.vendor])
            return cursor.fetchone()[-1].lower().replace("-", " ")

    assert together([level]) == [isolation]
    for name in strangers(fake_wechat):
        answers = together([log_in(fake_wechat, name) for _ in range(16)])

        # Whoever met the others three times in a row is told to come back, and does.
        refused = [body["code"] for status, body in answers if status != 200]
        assert set(refused) <= {"database_unavailable"}, answers
        for _ in refused:
            answers += together([log_in(fake_wechat, name)])
        one_user([answer for answer in answers if answer[0] == 200])
        assert rows() == {
            "users": 1, "persons": 1, "identities": 1, "openids": 1, "logins": 16,
        }  # fmt: skip
        clear()
