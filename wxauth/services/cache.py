"""What the processes share for a moment: numbers in the cache, as long as there is one.

The cache is an aid. Whatever it does wrong, from a refused connection to a value that is not ours,
the process goes on without it for five seconds: a Redis that hangs holds up one request in that
time, not every one.

Nor is it trusted: it may be shared, or stand open. Counts are taken as they are, and whoever can
write there can raise and lower them. A number that says who somebody is bears a keyed hash of
itself and of its key: written by us, and not copied from elsewhere. That it is not older than it
should be, the hash does not say.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from wxauth.conf import conf
from wxauth.services import stores
from wxauth.types import Secret
from wxauth.wiring import get_lookup_key

logger = logging.getLogger("wxauth.cache")

T = TypeVar("T")

#: Seconds without the cache after it went wrong.
PAUSE = 5.0


class CacheGone(Exception):  # noqa: N818 - a state, like the words of the error contract
    """There is no cache at the moment."""


_lock = threading.Lock()
_gone_until = 0.0


def ask(*commands: stores.Command) -> list[Any]:
    """What came of each, in one round trip where the cache can. Raises ``CacheGone``."""
    return _ask(lambda: stores.run(conf.CACHE, *commands))


def sign(key: str, value: int) -> str:
    """This number as a text that is good under this very key."""
    return f"{value}.{get_lookup_key().digest('cache', json.dumps([key, value]))}"


def get_signed(key: str) -> int | None:
    """What was signed for this very key, by a process that knows the lookup key."""
    return _ask(lambda: _verify(key, stores.run(conf.CACHE, stores.Get(key))[0]))


def _verify(key: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        number = int(value.partition(".")[0])
        if Secret(value).matches(Secret(sign(key, number))):
            return number
    raise CacheGone  # Somebody else writes under our keys.


def _ask(question: Callable[[], T]) -> T:
    global _gone_until
    if time.monotonic() < _gone_until:
        raise CacheGone
    if _gone_until:
        with _lock:
            if time.monotonic() < _gone_until:
                raise CacheGone
            # One request finds out whether it is back; the others do not wait with it.
            _gone_until = time.monotonic() + PAUSE
    try:
        answer = question()
    except Exception as error:  # noqa: BLE001
        # Each client library has exceptions of its own, and unpickling raises whatever it likes.
        _gone_until = time.monotonic() + PAUSE
        logger.warning("The cache failed (%s): going on without it.", type(error).__name__)
        raise CacheGone from None
    _gone_until = 0.0
    return answer
