"""One server process among several: sends itself requests, and says what became of them.

Started by tests with its configuration as JSON in the only argument. A line on stdin is a round:
``{"requests": [...], "every": seconds}``, all at once where there is no ``every``. A line on stdout
answers it with ``[status, code, seconds]`` for each request.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django
from django.conf import settings


def main() -> None:
    chosen = json.loads(sys.argv[1])
    settings.DEBUG = False
    settings.DATABASES["default"]["NAME"] = chosen["database"]
    settings.WXAUTH = {**settings.WXAUTH, "SANDBOX": False, **chosen["wxauth"]}
    settings.CACHES["default"].setdefault("OPTIONS", {}).update(chosen["cache"])
    django.setup()

    from django.db import connections
    from django.test import Client

    from tests.together import together

    def send(request: dict[str, str]) -> list[object]:
        token = request.get("token")
        begun = time.monotonic()
        answer = Client(raise_request_exception=False).generic(
            request["method"],
            f"/api/wxauth/{request['path']}",
            json.dumps(request.get("body", {})),
            "application/json",
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )
        seconds = time.monotonic() - begun
        return [answer.status_code, answer.json().get("code"), seconds]

    def paced(requests: list[dict[str, str]], every: float) -> list[object]:
        answers = []
        for request in requests:
            answers.append(send(request))
            time.sleep(every)
        connections.close_all()
        return answers

    # The first request of a process imports what the others find ready.
    send({"method": "GET", "path": "me/"})
    connections.close_all()
    print("ready", flush=True)
    for line in sys.stdin:
        round_ = json.loads(line)
        requests, every = round_["requests"], round_.get("every")
        if every:
            answers = paced(requests, every)
        else:
            answers = together([partial(send, request) for request in requests])
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
