"""Phones on kept connections, at an even pace, and a note of what each request got."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import ssl
import statistics
import threading
import time
from collections import Counter
from dataclasses import dataclass

from .stack import APPID, HOST, wait_for

#: People; connections beyond that are their other devices.
PHONES = 16
#: Of strangers, of whom none comes twice in one run.
_numbers = itertools.count()


@dataclass(frozen=True)
class Got:
    """``status`` is 0 where there was no answer; ``code`` is then what went wrong."""

    kind: str
    begun: float
    seconds: float
    status: int
    code: str = ""
    retry_after: str | None = None


class Connection(http.client.HTTPSConnection):
    """To nginx, by the name that its certificate is for."""

    def __init__(self, stack):
        super().__init__(HOST, stack.nginx.port, timeout=20, context=stack.tls)
        self._tls = stack.tls

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        # Else a body waits 40 ms for the receipt of its headers.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._tls.wrap_socket(plain, server_hostname=HOST)

    def ask(self, method, path, body=None, headers=None):
        """status, headers, body as JSON where it is."""
        headers = {**(headers or {}), **({"Content-Type": "application/json"} if body else {})}
        self.request(method, path, json.dumps(body) if body else None, headers)
        answer = self.getresponse()
        content = answer.read()
        is_json = (answer.headers.get_content_type() or "").endswith("json")
        return answer.status, answer.headers, json.loads(content) if is_json else content


class Traffic:
    """A context manager: so many connections, together so many requests a second.

    Each takes turns at ``kinds``, beginning with a login.
    """

    def __init__(self, stack, *, connections=16, rate=100, kinds=("login", "me")):
        self._stack, self._pause, self._kinds = stack, connections / rate, kinds
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number,)) for number in range(connections)
        ]
        self._lock = threading.Lock()
        self.got = []
        #: How many connections were opened; each beyond the first of a thread is one that was lost.
        self.opened = 0

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait(self, count, seconds=120):
        """Until so many more requests are answered."""
        target = len(self.got) + count
        wait_for(lambda: len(self.got) >= target, seconds)

    def since(self, moment):
        """What the requests got that began later."""
        return [got for got in self.got if got.begun >= moment]

    def _run(self, number):
        name, token = f"phone-{number % PHONES}", None
        connection, turn = None, number
        due = time.monotonic() + self._pause * number / len(self._threads)
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due += self._pause
            if connection is None:
                connection = Connection(self._stack)
                with self._lock:
                    self.opened += 1
            turn += 1
            kind = "login" if token is None else self._kinds[turn % len(self._kinds)]
            begun = time.monotonic()
            try:
                if kind == "login":
                    body = {"code": self._stack.wechat.fake.login_code(name, APPID)}
                    answer = connection.ask("POST", "/api/wxauth/login/", body)
                else:
                    headers = {"Authorization": f"Bearer {token}"}
                    answer = connection.ask("GET", "/api/wxauth/me/", None, headers)
            except (OSError, http.client.HTTPException, ssl.SSLError) as error:
                connection.close()
                connection = None
                self._note(kind, begun, 0, type(error).__name__)
                continue
            status, headers, content = answer
            if status == 200:
                token = content.get("token", token)
                self._note(kind, begun, 200)
            else:
                code = content["code"] if isinstance(content, dict) else "not JSON"
                self._note(kind, begun, status, code, headers["Retry-After"])
        if connection is not None:
            connection.close()

    def _note(self, kind, begun, status, code="", retry_after=None):
        got = Got(kind, begun, time.monotonic() - begun, status, code, retry_after)
        with self._lock:
            self.got.append(got)


class SignUps:
    """A context manager: strangers who sign up one after the other, at so many phones.

    Each asks again with a new code until they are in, as phones do.
    """

    def __init__(self, stack, *, connections=8):
        self._stack, self._stop = stack, threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(connections)]
        self._lock = threading.Lock()
        self._before = self._rows()
        #: token → id of the user, of whoever was told that they are in.
        self.let_in = {}
        #: What the others were told: (status, code).
        self.refused = Counter()

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        """At the end everybody is in."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait(self, count, seconds=60):
        """Until so many more are in."""
        target = len(self.let_in) + count
        wait_for(lambda: len(self.let_in) >= target, seconds)

    def check(self):
        """Nobody was lost, nobody is there twice, and nothing of anybody was half made."""
        assert len(set(self.let_in.values())) == len(self.let_in)
        connection = Connection(self._stack)
        for token, user in self.let_in.items():
            bearer = {"Authorization": f"Bearer {token}"}
            status, _, body = connection.ask("GET", "/api/wxauth/me/", None, bearer)
            assert (status, body.get("id")) == (200, user), body
        connection.close()
        after = self._rows()
        assert {after[name] - self._before[name] for name in after} == {len(self.let_in)}

    def _rows(self):
        tables = ("users_user", "wxauth_person", "wxauth_identity", "wxauth_openid")
        count = self._stack.database.sql
        return {table: int(count(f"SELECT count(*) FROM {table}")) for table in tables}

    def _run(self):
        connection = Connection(self._stack)
        while not self._stop.is_set():
            name = f"stranger-{next(_numbers)}"
            self._stack.wechat.fake.add_person(name)
            while not self._is_let_in(connection, name):
                time.sleep(0.2)
        connection.close()

    def _is_let_in(self, connection, name):
        body = {"code": self._stack.wechat.fake.login_code(name, APPID)}
        try:
            status, _, content = connection.ask("POST", "/api/wxauth/login/", body)
        except (OSError, http.client.HTTPException) as error:
            connection.close()  # The next request opens it again.
            status, content = 0, {"code": type(error).__name__}
        with self._lock:
            if status == 200:
                self.let_in[content["token"]] = content["user"]["id"]
            else:
                code = content["code"] if isinstance(content, dict) else "not JSON"
                self.refused[status, code] += 1
        return status == 200


def tell(title, got):
    """A line or two for people: what was asked, what it got, and how long it took."""
    print(f"\n{title}: {len(got)} requests")
    for kind in sorted({each.kind for each in got}):
        ours = [each for each in got if each.kind == kind]
        counts = Counter(f"{each.status} {each.code}".strip() for each in ours)
        middle, most = quantile(ours, 50), max(each.seconds for each in ours) * 1000
        print(
            f"  {kind}: {dict(counts.most_common())}, "
            f"p50 {middle:.0f} ms, p95 {quantile(ours, 95):.0f} ms, max {most:.0f} ms"
        )


def quantile(got, percent):
    """Milliseconds."""
    times = [each.seconds * 1000 for each in got]
    return statistics.quantiles(times, n=100)[percent - 1] if len(times) > 1 else times[0]
