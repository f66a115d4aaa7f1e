"""A long week in half an hour: mixed traffic, faults, expiring logins, new keys, merges, reloads.

``SOAK_MINUTES`` makes it as long as you like. What was sampled is written to the file that
``SOAK_SAMPLES`` names, one JSON object a line, for a plot.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import random
import statistics
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from wxauth.crypto.keyring import generate_key
from wxauth.testing import faults

from .conftest import FULL
from .stack import APPID, wait_for
from .traffic import PHONES, Connection

pytestmark = pytest.mark.slow

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
#: Seconds between two samples, and that a login lives: it ends many times during the soak.
SAMPLE, TTL = 5, 90
#: Connections, and requests a second by all of them together.
CONNECTIONS, RATE = 12, 24
#: Of all workers together, as deploy/gunicorn.conf.py has them.
THREADS = 2 * 16
#: One login in so many meets a WeChat in trouble.
FAULTY = 20
TROUBLES = (faults.Errcode(-1), faults.html(502), faults.html(200), faults.Reset(), faults.empty())
#: What requests may get besides a success: WeChat's trouble, and a token that has expired.
EXPECTED = {
    "wechat_unavailable", "wechat_bad_response", "wechat_timeout", "invalid_token", "rate_limited",
}  # fmt: skip


def picture():
    stream = io.BytesIO()
    Image.effect_noise((640, 480), 60).convert("RGB").save(stream, "JPEG")
    return stream.getvalue()


class Life:
    """What a phone does all week, on one kept connection."""

    def __init__(self, stack, number):
        self.stack, self.name = stack, f"phone-{number % PHONES}"
        self.random = random.Random(number)
        self.connection, self.token = None, None
        self.picture = picture()

    def step(self):
        """One request: what it was, its status and code."""
        kinds = ("me",) * 12 + ("userinfo", "userinfo", "logins", "login", "avatar", "logout")
        kind = self.random.choice(kinds) if self.token else "login"
        fake, send = self.stack.wechat.fake, self.send
        if kind == "login":
            if self.random.randrange(FAULTY) == 0:
                fake.faults.add(self.random.choice(TROUBLES))
            status, answer = send(
                "POST", "login/", {"code": fake.login_code(self.name, APPID)}, token=False
            )
            self.token = answer["token"] if status == 200 else None
        elif kind == "userinfo":
            status, answer = send("POST", "me/userinfo/", fake.user_info(self.name, APPID))
        elif kind == "avatar":
            status, answer = self.upload()
        elif kind == "logout":
            status, answer = send("POST", "logout/")
            self.token = None
        else:
            status, answer = send("GET", {"me": "me/", "logins": "me/logins/"}[kind])
        code = answer["code"] if status >= 400 else ""
        if code == "invalid_token":
            self.token = None
        return kind, status, code

    def send(self, method, path, body=None, *, token=True):
        headers = {"Authorization": f"Bearer {self.token}"} if token else {}
        status, _, answer = self.open().ask(method, f"/api/wxauth/{path}", body, headers)
        return status, answer

    def upload(self):
        head = 'Content-Disposition: form-data; name="avatar"; filename="a.jpg"'
        body = f"--x\r\n{head}\r\n\r\n".encode() + self.picture + b"\r\n--x--\r\n"
        connection = self.open()
        connection.request(
            "POST", "/api/wxauth/me/avatar/", body,
            {"Authorization": f"Bearer {self.token}",
             "Content-Type": "multipart/form-data; boundary=x"},
        )  # fmt: skip
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def open(self):
        if self.connection is None:
            self.connection = Connection(self.stack)
        return self.connection

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Week:
    """A context manager: the phones, and what became of their requests."""

    def __init__(self, stack):
        self.stack, self.stop, self.lock = stack, threading.Event(), threading.Lock()
        self.outcomes, self.lost, self.times = Counter(), 0, []
        self.threads = [
            threading.Thread(target=self._live, args=(number,)) for number in range(CONNECTIONS)
        ]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _live(self, number):
        life, pause = Life(self.stack, number), CONNECTIONS / RATE
        while not self.stop.wait(pause):
            begun = time.monotonic()
            try:
                kind, status, code = life.step()
            except (OSError, http.client.HTTPException):
                life.close()
                with self.lock:
                    self.lost += 1
                continue
            with self.lock:
                self.outcomes[kind, status, code] += 1
                if kind == "me":
                    self.times.append(time.monotonic() - begun)
        life.close()

    def p95(self):
        """Milliseconds of the token checks since the last look."""
        with self.lock:
            times, self.times = self.times, []
        return statistics.quantiles(times, n=20)[18] * 1000 if len(times) > 1 else None


def sample(stack, week, begun):
    return {
        "second": round(time.monotonic() - begun, 1),
        "megabytes": stack.gunicorn.megabytes(),
        "descriptors": sum(len(os.listdir(each / "fd")) for each in stack.gunicorn.workers()),
        "connections": int(stack.database.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        )),
        "logins": int(stack.database.sql("SELECT count(*) FROM wxauth_login")),
        "p95": week.p95(),
    }  # fmt: skip


def rotate(stack):
    """New keys, everything sealed anew, the old key thrown away; two reloads."""
    old = stack.project.settings["WXAUTH_ENCRYPTION_KEYS"]
    new = generate_key()
    stack.project.configure(WXAUTH_ENCRYPTION_KEYS=f"{new},{old}")
    stack.gunicorn.reload()
    stack.project.manage("wxauth_rotate_keys")
    stack.project.configure(WXAUTH_ENCRYPTION_KEYS=new)
    stack.gunicorn.reload()


def merge(stack, number):
    """Somebody new, who turns out to be phone-0."""
    fake, connection = stack.wechat.fake, Connection(stack)
    fake.add_person(f"late-{number}")
    keys = []
    for name in (f"late-{number}", "phone-0"):
        status = 0
        while status != 200:  # WeChat's trouble may be theirs, too.
            body = {"code": fake.login_code(name, APPID)}
            status, _, answer = connection.ask("POST", "/api/wxauth/login/", body)
            assert status == 200 or answer["code"] in EXPECTED, answer
        keys.append(answer["user"]["id"])
    connection.close()
    stack.project.manage("wxauth_merge", keys[0], keys[1])


@pytest.fixture
def busy_week(stack):
    """Logins that end soon, and limits that keep nobody from anything."""
    before = dict(stack.project.settings)
    stack.project.configure(
        WXAUTH_TOKEN_TTL=str(TTL),
        # A week would be over before the first of them went.
        WXAUTH_RETENTION=json.dumps({"logins": 0}),
        WXAUTH_LIMITS=json.dumps(
            dict.fromkeys(
                ("login_address", "login_openid", "decrypt", "phone", "link", "profile", "avatar"),
                "999999/min",
            )
        ),
    )
    stack.gunicorn.reload()
    yield
    keys = stack.project.settings["WXAUTH_ENCRYPTION_KEYS"]
    stack.project.settings = {**before, "WXAUTH_ENCRYPTION_KEYS": keys}
    stack.project.configure()
    stack.gunicorn.reload()


def test_a_long_week_leaves_the_server_as_it_was(stack, on_postgres, busy_week):
    begun, minute, samples = time.monotonic(), 0, []
    with Week(stack) as week:
        while (passed := (time.monotonic() - begun) / 60) < MINUTES:
            due = begun + (len(samples) + 1) * SAMPLE
            week.stop.wait(max(due - time.monotonic(), 0))
            samples.append(sample(stack, week, begun))
            if passed >= minute + 1:
                minute += 1
                stack.project.manage("wxauth_clear_expired")
                if passed < MINUTES / 3:
                    # Afterwards the workers stay as they are: what grows then, grows for ever.
                    merge(stack, minute)
                    rotate(stack)
    wait_for(lambda: not [thread for thread in week.threads if thread.is_alive()])
    tell(samples, week)
    assert_flat(samples)
    assert {code for _, status, code in week.outcomes if status >= 400} <= EXPECTED
    assert week.lost <= sum(week.outcomes.values()) / 1000
    assert len({kind for kind, status, _ in week.outcomes if status < 300}) == 6


def tell(samples, week):
    if name := os.environ.get("SOAK_SAMPLES"):
        Path(name).write_text("".join(json.dumps(row) + "\n" for row in samples))
    print(f"\n{MINUTES:g} minutes, {sum(week.outcomes.values())} requests, {week.lost} lost")
    for (kind, status, code), count in sorted(week.outcomes.items()):
        print(f"  {kind}: {status} {code} × {count}")
    for name in ("megabytes", "descriptors", "connections", "logins", "p95"):
        early, late = thirds(samples, name)
        print(f"  {name}: {early:.1f} in the second third, {late:.1f} in the last")


def thirds(samples, name):
    """The median of the second third of the time, and of the last."""
    size = len(samples) // 3
    parts = samples[size : 2 * size], samples[-size:]
    return tuple(
        statistics.median(row[name] for row in part if row[name] is not None) for part in parts
    )


def assert_flat(samples):
    # A thread opens its connection when it is first asked something, and keeps it.
    assert max(row["connections"] for row in samples) <= THREADS + 3
    early, late = (one - other for one, other in zip(
        thirds(samples, "descriptors"), thirds(samples, "connections"), strict=True
    ))  # fmt: skip
    assert abs(late - early) <= 3, (early, late)
    bounds = {"megabytes": 1.03, "logins": 1.2}
    if FULL:  # The machine has to be idle for it.
        bounds["p95"] = 1.2
    for name, bound in bounds.items():
        early, late = thirds(samples, name)
        assert late <= early * bound, (name, early, late)
