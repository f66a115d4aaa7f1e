"""The server is told to end (SIGTERM) in the middle of a login: it finishes what it has begun."""

from __future__ import annotations

import json
import signal
import socket
import subprocess

import pytest

from wxauth.testing import faults

from .stack import APPID, HOST, wait_for

pytestmark = pytest.mark.slow


class Login:
    """One login by one stranger, sent to gunicorn itself in two parts."""

    def __init__(self, stack, name):
        stack.wechat.fake.add_person(name)
        body = json.dumps({"code": stack.wechat.fake.login_code(name, APPID)}).encode()
        self._rest = body[10:]
        head = f"POST /api/wxauth/login/ HTTP/1.1\r\nHost: {HOST}\r\nX-Forwarded-Proto: https\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        head += "Expect: 100-continue\r\n\r\n"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(30)
        self._socket.connect(str(stack.gunicorn.socket))
        self._socket.sendall(head.encode())
        # A worker has it in hand.
        assert self._socket.recv(64) == b"HTTP/1.1 100 Continue\r\n\r\n"
        self._socket.sendall(body[:10])

    def go_on(self):
        self._socket.sendall(self._rest)

    def read(self):
        """status, body."""
        answer = b"".join(iter(lambda: self._socket.recv(65536), b""))
        self._socket.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)


@pytest.fixture
def login(stack):
    """A login that has begun; at the end of the test there is a server again."""
    rows = "SELECT count(*) FROM users_user"
    before = int(stack.database.sql(rows))
    yield Login
    stack.gunicorn.end()
    stack.gunicorn.start()
    assert int(stack.database.sql(rows)) == before + 1


def stop(stack):
    """Tell it to end, until its workers know."""
    told = stack.gunicorn.count("Handling signal: term")
    stack.gunicorn.process.send_signal(signal.SIGTERM)
    wait_for(lambda: stack.gunicorn.count("Handling signal: term") > told)


def is_let_in(login):
    status, body = login.read()
    assert status == 200, body
    assert body["created"]


def test_before_the_whole_request_is_there(stack, login):
    stranger = login(stack, "stopped-before")
    stop(stack)
    stranger.go_on()
    is_let_in(stranger)


def test_while_wechat_is_asked(stack, login):
    fake = stack.wechat.fake
    calls = len(fake.calls)
    fake.faults.add(faults.Slow(2))
    stranger = login(stack, "stopped-asking")
    stranger.go_on()
    wait_for(lambda: len(fake.calls) > calls)
    stop(stack)
    is_let_in(stranger)


def test_before_the_commit(stack, login, on_postgres):
    with subprocess.Popen(
        ["psql", stack.database.url, "-qtAX"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as other:  # fmt: skip
        print("BEGIN; LOCK TABLE wxauth_login IN EXCLUSIVE MODE; SELECT 'locked';",
              file=other.stdin, flush=True)  # fmt: skip
        assert other.stdout.readline() == "locked\n"
        stranger = login(stack, "stopped-writing")
        stranger.go_on()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        wait_for(lambda: stack.database.sql(waiting) != "0")
        stop(stack)
        other.stdin.close()
        is_let_in(stranger)


def test_after_the_commit(stack, login):
    count = "SELECT count(*) FROM wxauth_login"
    before = stack.database.sql(count)
    stranger = login(stack, "stopped-after")
    stranger.go_on()
    wait_for(lambda: stack.database.sql(count) != before)
    stop(stack)
    is_let_in(stranger)
