"""One server process among several: logs people in, a round of codes at a time.

Started by ``test_races`` with its configuration as JSON in the only argument. A line on stdin is a
round, a list of login requests; a line on stdout answers it with ``[status, body]`` pairs.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from ipaddress import ip_address

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django
from django.conf import settings


def main() -> None:
    chosen = json.loads(sys.argv[1])
    settings.DEBUG = False
    settings.DATABASES["default"]["NAME"] = chosen["database"]
    settings.WXAUTH = {**settings.WXAUTH, "SANDBOX": False, "API_BASE": chosen["api_base"]}
    # Like everything else the limits are those that are shipped, and nobody is near one: the
    # phones of each process are at an address of their own.
    del settings.WXAUTH["LIMITS"]
    address = str(ip_address("10.0.0.0") + os.getpid())
    django.setup()

    from django.test import Client

    from tests.together import together

    def log_in(request: dict[str, str]) -> list[object]:
        answer = Client(raise_request_exception=False, REMOTE_ADDR=address).post(
            "/api/wxauth/login/", request, content_type="application/json"
        )
        return [answer.status_code, answer.json()]

    # The first request of a process imports what the others find ready.
    Client().get("/api/wxauth/me/")
    print("ready", flush=True)
    for line in sys.stdin:
        answers = together([partial(log_in, request) for request in json.loads(line)])
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
