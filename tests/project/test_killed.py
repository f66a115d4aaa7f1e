"""A server that dies in the middle of a sign-up leaves nothing half-made, whenever it dies.

Nor does it lose what WeChat pushes: the next try finds everything as it was, or all of it done.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client

from tests.project.test_races import ONE, ROOT, TWO, clear, rows
from wxauth.models import Event, Person, SpentData

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


def handle(process, path, body, moment):
    """What became of a request to the server that is killed at this moment."""
    print(json.dumps([path, body, moment]), file=process.stdin, flush=True)
    return process.stdout.readline()


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
            codes = both_codes(fake_wechat, phone=phone)
            outcome = handle(process, "/api/wxauth/login/", codes, moment)

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


REVOKE, CLOSE = "user_authorization_revoke", "user_authorization_cancellation"


@pytest.mark.parametrize("event", [REVOKE, CLOSE])
def test_whoever_is_killed_at_a_push_loses_nothing_of_it(
    fake_wechat, wxauth_push, settings, monkeypatch, tmp_path, event
):
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setenv("MEDIA_ROOT", str(tmp_path))  # For the server.

    def fill():
        """alice has shown all there is, and nothing was pushed about her yet."""
        assert log_in(both_codes(fake_wechat)).status_code == 200
        person = Person.objects.get()
        person.nickname, person.nickname_appid, person.avatar_appid = "小爱", ONE, ONE
        person.avatar.save("a.jpg", ContentFile(b"picture"))
        person.save()

    def state():
        people = list(Person.objects.values("nickname", "avatar", "phone_hash"))
        files = [path for path in Path(tmp_path).rglob("*") if path.is_file()]
        return people, len(files), Event.objects.count(), SpentData.objects.count(), rows()

    def forget():
        clear()
        SpentData.objects.all().delete()
        Event.objects.all()._raw_delete("default")

    push, ends, killed = fake_wechat.push(event, "alice", ONE, RevokeInfo="301"), [], 0
    path = f"/api/wxauth/push/{ONE}/?{urlencode(push.query)}"
    with serving(APPS=settings.WXAUTH["APPS"]) as process:
        for moment in range(1, 100):
            fill()
            outcome = handle(process, path, push.body.decode(), moment)
            killed += outcome == "killed\n"
            assert outcome in ("killed\n", "200\n")
            assert wxauth_push(push, appid=ONE).content == b"success"
            ends.append(state())
            forget()
            if outcome == "200\n":
                break
    assert killed >= 8
    assert all(end == ends[-1] for end in ends)
    people, files, events, digests, _rows = ends[-1]
    assert (files, events, digests) == (0, 1, 1)
    assert people == (
        [{"nickname": "", "avatar": "", "phone_hash": None}] if event == REVOKE else []
    )
