"""How long clearing takes, and whom it keeps waiting: ``python -m bench.retention [ROWS]``.

Makes so many logins (a million, unless told otherwise) in a database ``test_…`` of its own, on the
PostgreSQL of DATABASE_URL: four tenths live, three expired within the last 30 days, three ended
before. Clears them in a process that is killed on the way, and again in one that may finish. All
the while somebody logs out, ten times a second: how long that takes at most is what a lock of
clearing costs anybody.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django
from django.conf import settings
from django.db import connection, connections
from django.test.utils import setup_databases, teardown_databases

MILLION = 1_000_000
OPENIDS = 20

PEOPLE = """
INSERT INTO users_user (id, password, is_superuser, username, first_name, last_name, email,
                        is_staff, is_active, date_joined)
SELECT n, '', false, 'user-' || n, '', '', '', false, true, now() FROM generate_series(1, %s) n;
INSERT INTO wxauth_person (user_id, nickname, nickname_appid, avatar, avatar_url, avatar_appid,
                           phone_appid, blocked_by, blocked_reason, created_at)
SELECT n, '', '', '', '', '', '', '', '', now() FROM generate_series(1, %s) n;
INSERT INTO wxauth_identity (person_id, platform, unionid)
SELECT n, 'default', 'union-' || n FROM generate_series(1, %s) n;
INSERT INTO wxauth_openid (identity_id, appid, openid, failures, created_at)
SELECT i.id, 'wx0000000000000001', 'openid-' || i.id, 0, now() FROM wxauth_identity i;
"""
LOGINS = """
INSERT INTO wxauth_login (via_id, person_id, digest, sealed_session_key, channel, created_at,
                          expires_at, revoked_at, user_agent, address)
SELECT o.id, i.person_id, lpad(n::text, 43, 'd'), CASE WHEN n %% 10 < 7 THEN repeat('s', 90) END,
       'miniprogram', now() - interval '40 days',
       now() + CASE WHEN n %% 10 < 4 THEN interval '5 days' + n * interval '1 millisecond'
                    WHEN n %% 10 < 7 THEN -interval '1 day' - (n %% 1000) * interval '40 minutes'
                    ELSE -interval '31 days' - (n %% 1000) * interval '40 minutes' END,
       NULL, repeat('u', 120), '203.0.113.7'
FROM generate_series(1, %s) n
JOIN wxauth_openid o ON o.id = (SELECT min(id) FROM wxauth_openid) + n %% %s
JOIN wxauth_identity i ON i.id = o.identity_id
"""


def clear() -> None:
    """In a process of its own: clear, and say what was done and how long a transaction took."""
    from wxauth.services import transactions, upkeep

    times = []
    run = transactions.run

    def timed(story):  # type: ignore[no-untyped-def]
        begun = time.perf_counter()
        try:
            return run(story)
        finally:
            times.append(time.perf_counter() - begun)

    transactions.run = timed
    begun = time.perf_counter()
    cleared = upkeep.clear_expired()
    print(
        f"{cleared.expired:,} logins deleted, {cleared.session_keys:,} session_keys forgotten, in "
        f"{time.perf_counter() - begun:.1f} s; {len(times)} transactions, median "
        f"{statistics.median(times) * 1000:.0f} ms, longest {max(times) * 1000:.0f} ms"
    )


class Visitor(threading.Thread):
    """Somebody who ends a live login, again and again, and notes how long it takes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.waits: list[float] = []
        self.done = threading.Event()

    def run(self) -> None:
        from django.utils import timezone

        from wxauth.models import Login

        live = list(Login.objects.live(timezone.now()).values_list("pk", flat=True)[:20_000])
        while not self.done.wait(0.1):
            begun = time.perf_counter()
            Login.objects.filter(pk=live.pop()).revoke(timezone.now())
            self.waits.append(time.perf_counter() - begun)
        connections.close_all()


def count_rows() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM wxauth_login")
        (count,) = cursor.fetchone()
    return int(count)


def tell(when: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(sealed_session_key) FROM wxauth_login")
        rows, keys = cursor.fetchone()
        cursor.execute("SELECT pg_total_relation_size('wxauth_login')")
        (size,) = cursor.fetchone()
    print(f"{when}: {rows:,} logins, {keys:,} session_keys, {size / 2**20:,.0f} MB", flush=True)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MILLION
    django.setup()
    if connection.vendor != "postgresql":
        sys.exit("Set DATABASE_URL to a PostgreSQL.")
    old = setup_databases(verbosity=0, interactive=False)
    try:
        people = max(1, count // OPENIDS)
        with connection.cursor() as cursor:
            for statement in PEOPLE.strip().strip(";").split(";"):
                cursor.execute(statement, [people] * statement.count("%s"))
            cursor.execute(LOGINS, [count, people])
            cursor.execute("ANALYZE")
        tell("before")
        visitor = Visitor()
        visitor.start()
        command = [sys.executable, "-m", "bench.retention", "--clear"]
        environment = os.environ | {"BENCH_DATABASE": str(connection.settings_dict["NAME"])}
        first = subprocess.Popen(command, env=environment)
        while count_rows() == count:
            time.sleep(0.1)
        first.kill()
        first.wait()
        tell("killed")
        subprocess.run(command, env=environment, check=True)
        visitor.done.set()
        visitor.join()
        tell("after")
        waits = visitor.waits
        print(
            f"meanwhile {len(waits)} logouts: median {statistics.median(waits) * 1000:.0f} ms, "
            f"longest {max(waits) * 1000:.0f} ms"
        )
        subprocess.run(command, env=environment, check=True)
    finally:
        teardown_databases(old, verbosity=0)


if __name__ == "__main__":
    if sys.argv[1:] == ["--clear"]:
        settings.DATABASES["default"]["NAME"] = os.environ["BENCH_DATABASE"]
        django.setup()
        clear()
    else:
        main()
