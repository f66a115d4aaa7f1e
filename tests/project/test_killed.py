"""A server that dies in the middle of a sign-up leaves nothing half-made, whenever it dies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.test import Client

from tests.project.test_races import ONE, ROOT, TWO, clear, rows
from wxauth.models import Person

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no SIGKILL."),
]

NOBODY = dict.fromkeys(("users", "persons", "identities", "openids", "logins"), 0)
SOMEBODY = dict.fromkeys(NOBODY, 1)
IN_TWO_APPS = {**SOMEBODY, "openids": 2, "logins": 2}


def both_codes(fake, *, phone=True):
    """What alice's phone sends; each time with fresh codes."""
    codes = {"code": fake.login_code("alice", ONE), "appid": ONE}
    return {**codes, "phone_code": fake.phone_code("alice", ONE)} if phone else codes


def log_in(request):
    return Client().post("/api/wxauth/login/", request, content_type="application/json")


@contextmanager
def serving(**wxauth) -> Iterator[subprocess.Popen[str]]:
    chosen = {"database": str(connection.settings_dict["NAME"]), "wxauth": wxauth}
    command = [sys.executable, "-m", "tests.project.killed_worker", json.dumps(chosen)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.stdin.close()


@pytest.mark.parametrize(("mode", "phone"), [("always", False), ("phone", True), ("closed", True)])
def test_whoever_is_killed_leaves_nothing_half_made(fake_wechat, settings, mode, phone):
    settings.WXAUTH = {**settings.WXAUTH, "SIGNUP": "always"}
    # The access_token is there: whoever dies while fetching one keeps the others waiting a while.
    assert log_in(both_codes(fake_wechat)).status_code == 200
    clear()
    before, after = (SOMEBODY, IN_TWO_APPS) if mode == "closed" else (NOBODY, SOMEBODY)
    seen = []
    with serving(SIGNUP=mode, API_BASE=fake_wechat.url) as process:
        for moment in range(1, 100):
            if mode == "closed":
                # In this mode nobody signs up; somebody who is there comes in by another app.
                request = {"code": fake_wechat.login_code("alice", TWO), "appid": TWO}
                settings.WXAUTH = {**settings.WXAUTH, "SIGNUP": "always"}
                assert log_in(request).status_code == 200
            settings.WXAUTH = {**settings.WXAUTH, "SIGNUP": mode}
            request = json.dumps([both_codes(fake_wechat, phone=phone), moment])
            print(request, file=process.stdin, flush=True)
            outcome = process.stdout.readline()

            left = rows()
            seen.append(left)
            assert left in (before, after), f"killed at moment {moment}"
            if left == after:
                assert (Person.objects.get().phone_hash is not None) == phone
            answer = log_in(both_codes(fake_wechat, phone=phone))
            assert answer.status_code == 200, answer.content
            assert answer.json()["created"] == (left == NOBODY)
            assert answer.json()["user"]["phone"] == ("+8613800138001" if phone else None)
            clear()
            if outcome != "killed\n":
                assert outcome == "200\n"
                break
    # Of many moments one or two were late enough.
    assert seen.count(before) >= 6
    assert seen[-2:] == [after, after]
