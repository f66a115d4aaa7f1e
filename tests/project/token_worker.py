"""One process among several that wants an access_token.

Started by ``test_access_tokens`` with its configuration as JSON in the only argument. A line on
stdin is a round: how many threads ask at once, how many seconds later it is, how long they wait. A
line on stdout answers it with what each thread got, and how long the slowest one waited.
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

APPID = "wx0000000000000001"


def main() -> None:
    chosen = json.loads(sys.argv[1])
    settings.DEBUG = False
    settings.DATABASES["default"]["NAME"] = chosen["database"]
    settings.WXAUTH = {**settings.WXAUTH, "SANDBOX": False, "API_BASE": chosen["api_base"]}
    django.setup()

    from tests.together import together
    from wxauth.exceptions import WxauthError
    from wxauth.wiring import get_access_tokens

    def ask(seconds: float) -> tuple[str, float]:
        begun = time.monotonic()
        try:
            answer = get_access_tokens().get(APPID, seconds=seconds).reveal()
        except WxauthError as error:
            answer = type(error).__name__
        return answer, time.monotonic() - begun

    print("ready", flush=True)
    for line in sys.stdin:
        round_ = json.loads(line)
        later = round_["later"]
        get_access_tokens()._clock = lambda later=later: time.time() + later  # type: ignore[misc]
        asked = together([partial(ask, round_["seconds"])] * round_["threads"])
        answers, waits = zip(*asked, strict=True)
        print(json.dumps([answers, max(waits)]), flush=True)


if __name__ == "__main__":
    main()
