"""A server process that is killed in the middle of a request, at a chosen moment.

Started by ``test_killed`` with its configuration as JSON in the only argument. A line on stdin is
a request (path and JSON) and the number of the moment; it is handled by a process of its own, and a
line on stdout answers whether that was killed, or the status of its answer. Moments are: before
each SQL statement, before each COMMIT, after each COMMIT.
"""

from __future__ import annotations

import json
import os
import signal
import sys

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django
from django.conf import settings


class Moments:
    def __init__(self, last: int) -> None:
        self._left = last

    def pass_one(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(self, execute, sql, params, many, context):
        self.pass_one()
        return execute(sql, params, many, context)


def handle(path: str, body: object, last: int) -> None:
    from django.db import connection
    from django.test import Client

    moments = Moments(last)
    commit = connection._commit

    def commit_between_two() -> None:
        moments.pass_one()
        commit()
        moments.pass_one()

    connection._commit = commit_between_two
    with connection.execute_wrapper(moments.wrap):
        answer = Client(raise_request_exception=False).post(
            path, body, content_type="application/json"
        )
    os.write(1, f"{answer.status_code}\n".encode())
    os._exit(0)


def main() -> None:
    chosen = json.loads(sys.argv[1])
    settings.DEBUG = False
    settings.DATABASES["default"]["NAME"] = chosen["database"]
    settings.WXAUTH = {**settings.WXAUTH, "SANDBOX": False, **chosen["wxauth"]}
    django.setup()

    from django.test import Client

    # The first request of a process imports what the others find ready. It touches no database.
    Client().get("/api/wxauth/me/")
    print("ready", flush=True)
    for line in sys.stdin:
        path, body, last = json.loads(line)
        child = os.fork()
        if child == 0:
            handle(path, body, last)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            print("killed", flush=True)


if __name__ == "__main__":
    main()
