"""``wxauth_clear_expired`` in a process that is killed at a chosen moment.

Started by ``test_killed_erasures`` with its configuration as JSON in the only argument. A line on
stdin is the number of the moment; a line on stdout answers whether the process was killed. Moments
are those of ``killed_worker``.
"""

from __future__ import annotations

import io
import json
import os
import sys

import django
from django.conf import settings

from tests.project.killed_worker import Moments


def run(last: int) -> None:
    from django.core.management import call_command
    from django.db import connection

    moments = Moments(last)
    commit = connection._commit

    def commit_between_two() -> None:
        moments.pass_one()
        commit()
        moments.pass_one()

    connection._commit = commit_between_two
    with connection.execute_wrapper(moments.wrap):
        call_command("wxauth_clear_expired", stdout=io.StringIO())
    os.write(1, b"done\n")
    os._exit(0)


def main() -> None:
    chosen = json.loads(sys.argv[1])
    settings.DEBUG = False
    settings.DATABASES["default"]["NAME"] = chosen["database"]
    settings.MEDIA_ROOT = chosen["media"]
    django.setup()
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run(int(line))
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            print("killed", flush=True)


if __name__ == "__main__":
    main()
