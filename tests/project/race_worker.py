"""One server process among several: logs people in, a round of codes at a time.

Started by ``test_races`` with its configuration as JSON in the only argument. A line on stdin is a
round, a list of login requests; a line on stdout answers it with ``[status, body]`` pairs.
"""

from __future__ import annotations

import json
import os
import sys
import threading

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django
from django.conf import settings


def main() -> None:
    chosen = json.loads(sys.argv[1])
    settings.DEBUG = False
    settings.DATABASES["default"]["NAME"] = chosen["database"]
    settings.WXAUTH = {**settings.WXAUTH, "SANDBOX": False, "API_BASE": chosen["api_base"]}
    django.setup()

    from django.db import connections
    from django.test import Client

    def log_in(place: int, request: dict[str, str]) -> None:
        gate.wait()
        try:
            answer = Client(raise_request_exception=False).post(
                "/api/wxauth/login/", request, content_type="application/json"
            )
            answers[place] = [answer.status_code, answer.json()]
        finally:
            connections.close_all()

    # The first request of a process imports what the others find ready.
    Client().get("/api/wxauth/me/")
    print("ready", flush=True)
    for line in sys.stdin:
        requests = json.loads(line)
        answers: list[object] = [None] * len(requests)
        gate = threading.Barrier(len(requests))
        threads = [
            threading.Thread(target=log_in, args=numbered) for numbered in enumerate(requests)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
