"""One process among several that wants an access_token.

Started by ``test_access_tokens`` with its configuration as JSON in the only argument. A line on
stdin is a round: how many threads ask at once, how many seconds later it is, how long they wait. A
line on stdout answers it with what each thread got, and how long the slowest one waited.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django
from django.conf import settings

APPID = "wx0000000000000001"


def main() -> None:
    chosen = json.loads(sys.argv[1])
    settings.DEBUG = False
    settings.DATABASES["default"]["NAME"] = chosen["database"]
    settings.WXAUTH = {**settings.WXAUTH, "SANDBOX": False, "API_BASE": chosen["api_base"]}
    django.setup()

    from django.db import connections

    from wxauth.exceptions import WxauthError
    from wxauth.wiring import get_access_tokens

    def ask(place: int, seconds: float) -> None:
        gate.wait()
        begun = time.monotonic()
        try:
            answers[place] = get_access_tokens().get(APPID, seconds=seconds).reveal()
        except WxauthError as error:
            answers[place] = type(error).__name__
        finally:
            waits[place] = time.monotonic() - begun
            connections.close_all()

    print("ready", flush=True)
    for line in sys.stdin:
        round_ = json.loads(line)
        later = round_["later"]
        get_access_tokens()._clock = lambda later=later: time.time() + later  # type: ignore[misc]
        count = round_["threads"]
        answers, waits = [""] * count, [0.0] * count
        gate = threading.Barrier(count)
        threads = [
            threading.Thread(target=ask, args=(place, round_["seconds"])) for place in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(json.dumps([answers, max(waits)]), flush=True)


if __name__ == "__main__":
    main()
