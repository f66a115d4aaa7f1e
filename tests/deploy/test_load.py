"""What the stack carries: as many requests as it can, and ten million rows of former logins.

Short, it shows that nobody is refused. With ``DEPLOY_FULL=1`` it is as long and as large as the
reliability list says, and the times count: for a machine that does nothing else.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import subprocess
import sys
import time
import urllib.request
from contextlib import closing, suppress

import pytest

from .conftest import FULL
from .stack import APPID, HOST, ROOT, Postgres
from .traffic import Connection, Got, Traffic, quantile, tell

pytestmark = pytest.mark.slow

#: Seconds that WeChat takes for a code.
LATENCY = 0.06
CONNECTIONS = 32
#: Keys of the crowd begin behind those of everybody else.
BEHIND = 100_000_000


@pytest.fixture
def quick_wechat(stack):
    """It lets everybody in, and costs next to nothing itself."""
    pem = stack.nginx.folder
    command = [sys.executable, ROOT / "bench" / "wechat.py", pem / "fullchain.pem"]
    with subprocess.Popen(
        [*command, pem / "privkey.pem"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            url = f"http://127.0.0.1:{process.stdout.readline().split()[0]}"
            urllib.request.urlopen(f"{url}/bench/?latency={LATENCY}").close()
            stack.project.configure(WXAUTH_API_BASE=url)
            stack.gunicorn.reload()
            yield
            stack.project.configure(WXAUTH_API_BASE=stack.wechat.url)
            stack.gunicorn.reload()
        finally:
            process.terminate()


async def keep_asking(stack, kind, make, seconds):
    """What so many connections get, with one request after the other.

    ``make`` answers method, path and headers, and the body, of the n-th request of a connection.
    """
    got, ends = [], time.monotonic() + seconds

    async def stay(number):
        turns = itertools.count()
        while time.monotonic() < ends:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", stack.nginx.port, ssl=stack.tls, server_hostname=HOST
            )
            is_kept = True
            while is_kept and (begun := time.monotonic()) < ends:
                head, body = make(number, next(turns))
                head += f"\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body.encode())
                answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                await reader.readexactly(int(re.search(r"content-length: (\d+)", answer)[1]))
                status = int(answer.split()[1])
                got.append(Got(kind, begun, time.monotonic() - begun, status))
                is_kept = "connection: close" not in answer
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    await asyncio.gather(*(stay(number) for number in range(CONNECTIONS)))
    return got


def sign_up(stack, seconds):
    """Strangers, who never come again."""
    begun = time.monotonic()

    def make(number, turn):
        head = "POST /api/wxauth/login/ HTTP/1.1\r\nContent-Type: application/json"
        return head, json.dumps({"code": f"newcomer-{begun}-{number}-{turn}.code"})

    return asyncio.run(keep_asking(stack, "first login", make, seconds))


def test_first_logins_as_many_as_it_can(stack, quick_wechat, seconds):
    sign_up(stack, 5)
    before = stack.gunicorn.megabytes()
    first = sign_up(stack, seconds(5, 60))
    early = stack.gunicorn.megabytes()
    rest = sign_up(stack, seconds(5, 240))
    late = stack.gunicorn.megabytes()
    got = first + rest
    rate = len(got) / seconds(10, 300)
    tell(f"{rate:.0f} first logins/s, memory {before:.0f}, {early:.0f}, {late:.0f} MB", got)
    print(f"  p99 {quantile(got, 99):.0f} ms")
    assert {each.status for each in got} == {200}
    if FULL:
        assert rate >= 120
        assert quantile(got, 99) <= 600
        assert late <= early * 1.15


def test_token_checks_as_many_as_it_can(stack, seconds):
    with closing(Connection(stack)) as connection:
        body = {"code": stack.wechat.fake.login_code("alice", APPID)}
        token = connection.ask("POST", "/api/wxauth/login/", body)[2]["token"]

    def make(number, turn):
        return f"GET /api/wxauth/me/ HTTP/1.1\r\nAuthorization: Bearer {token}", ""

    got = asyncio.run(keep_asking(stack, "me", make, seconds(5, 120)))
    rate = len(got) / seconds(5, 120)
    tell(f"{rate:.0f} token checks/s, p99 {quantile(got, 99):.0f} ms", got)
    assert {each.status for each in got} == {200}
    if FULL:
        assert rate >= 500
        assert quantile(got, 99) <= 300


class Crowd:
    """A million people and ten million logins of theirs, each as the first one is."""

    def __init__(self, database, people):
        self.people, self._sql = people, database.sql

    def fill(self):
        n, life = self.people, "CASE WHEN n % 2 = 0 THEN -1 ELSE 1 END * interval '3 days'"
        key, whose = f"{BEHIND} + n", f"{BEHIND} + 1 + n % {n}"
        digest = "rpad(md5({0}::text) || md5({0}::text || 'x'), 43)".format
        self._copy("users_user", n, id=key, username="'crowd-' || n")
        self._copy("wxauth_person", n, user_id=key, phone_hash=digest("n"), phone_tail="n % 10000")
        self._copy("wxauth_identity", n, id=key, person_id=key, unionid="'union-' || n")
        self._copy("wxauth_openid", n, id=key, identity_id=key, openid="'openid-' || n")
        self._copy(
            "wxauth_login", 10 * n, id=key, via_id=whose, person_id=whose, digest=digest("n"),
            created_at="now() - n % 600000 * interval '1 second'", expires_at=f"now() + {life}",
        )  # fmt: skip
        self._sql("VACUUM ANALYZE")

    def _copy(self, table, count, **changes):
        """The oldest row so many times, with these columns changed; whatever else there is."""
        columns = self._sql(
            "SELECT attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped"
            f" AND attrelid = '{table}'::regclass"
        ).split()
        values = ", ".join(changes.get(name, f"one.{name}") for name in columns)
        key = "user_id" if table == "wxauth_person" else "id"
        # Of what refers to what, nothing need be looked up.
        self._sql(
            f"SET session_replication_role = replica; INSERT INTO {table} ({', '.join(columns)})"
            f" SELECT {values} FROM (SELECT * FROM {table} ORDER BY {key} LIMIT 1) one,"
            f" generate_series(1, {count}) n"
        )
        if key == "id":
            sequence = f"pg_get_serial_sequence('{table}', 'id')"
            self._sql(f"SELECT setval({sequence}, {BEHIND} + {count})")


#: What the staff look at: for each page its seconds and statements, and a person by the number.
PAGES = """
import json, time
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from wxauth import people
from wxauth.models import Person
staff = get_user_model().objects.create_superuser("carol")
client = Client(HTTP_HOST="{host}", headers={{"X-Forwarded-Proto": "https"}})
client.force_login(staff)
def look(path):
    with CaptureQueriesContext(connection) as asked:
        begun = time.monotonic()
        answer = client.get("/admin/wxauth/" + path)
        took = time.monotonic() - begun
    assert answer.status_code == 200, (path, answer)
    return took, len(asked)
paths = (
    "person/", "person/?p=2", "person/?q=openid-4711", "person/?q=union-4711", "openid/",
    "openid/?q=openid-4711", "identity/?q=union-4711", "login/", "login/?q=openid-4711",
    "person/{person}/change/",
)
client.get("/admin/")
seen = {{path: look(path) for path in paths}}
number = people.get_phone(Person.objects.earliest("pk").user)
begun = time.monotonic()
assert people.find_by_phone(number)
seen["find_by_phone"] = time.monotonic() - begun, 1
print(json.dumps(seen))
"""


@pytest.fixture
def large(folder, on_postgres):
    """Told of every lock that somebody has waited for longer than a second."""
    server = Postgres(
        folder, "postgres-large", shared_buffers="1GB", max_wal_size="16GB",
        log_lock_waits="on", deadlock_timeout="1s",
    )  # fmt: skip
    server.start()
    yield server
    server.end()


def test_ten_million_logins_are_no_burden(stack, large, seconds):
    fake = stack.wechat.fake
    with stack.moved_to(large):
        connection = Connection(stack)
        body = {"code": fake.login_code("alice", APPID)}
        _, _, alice = connection.ask("POST", "/api/wxauth/login/", body)
        bearer = {"Authorization": f"Bearer {alice['token']}"}
        number = fake.phone_data("alice", APPID)
        assert connection.ask("POST", "/api/wxauth/me/phone/", number, bearer)[0] == 200
        connection.close()

        with Traffic(stack, connections=16, rate=50) as traffic:
            traffic.wait(200)
            moments = [time.monotonic()]
            traffic.wait(seconds(250, 2500))
        empty = traffic.since(moments[0])
        begun = time.monotonic()
        crowd = Crowd(large, people=seconds(10_000, 1_000_000))
        crowd.fill()
        print(f"\n{crowd.people} people, filled in {time.monotonic() - begun:.0f} s")
        with Traffic(stack, connections=16, rate=50) as traffic:
            traffic.wait(200)
            moments = [time.monotonic()]
            traffic.wait(seconds(250, 2500))
            moments.append(time.monotonic())
            expired = large.sql("SELECT count(*) FROM wxauth_login WHERE expires_at < now()")
            stack.project.manage("wxauth_clear_expired")
            moments.append(time.monotonic())
        full = [got for got in traffic.since(moments[0]) if got.begun < moments[1]]
        meanwhile = [got for got in traffic.since(moments[1]) if got.begun < moments[2]]
        told = stack.project.manage(
            "shell", "-c", PAGES.format(host=HOST, person=BEHIND + 4711)
        ).stdout
        pages = json.loads(told.splitlines()[-1])
        left = large.sql("SELECT count(*) FROM wxauth_login WHERE expires_at < now()")
        size = large.sql("SELECT pg_size_pretty(pg_database_size('postgres'))")

    tell("empty", empty)
    tell(f"{10 * crowd.people} logins, {size}", full)
    tell(f"{expired} being deleted, in {moments[2] - moments[1]:.0f} s", meanwhile)
    for path, (took, statements) in pages.items():
        print(f"  {path}: {took * 1000:.0f} ms, {statements} statements")
    assert {got.status for got in (*empty, *full, *meanwhile)} == {200}
    assert int(expired) >= 5 * crowd.people - 1
    assert left == "0"
    assert "still waiting" not in large.output.read_text()
    assert max(statements for _, statements in pages.values()) <= 15
    if FULL:
        assert max(took for took, _ in pages.values()) <= 1
        for kind in ("login", "me"):
            one, other = (
                quantile([got for got in part if got.kind == kind], 95) for part in (empty, full)
            )
            assert other <= 1.2 * one, (kind, one, other)
