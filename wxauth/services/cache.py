"""What the processes share for a moment: integers in the cache, as long as there is one.

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
from typing import TypeVar

from django.core.cache import caches

from wxauth.conf import conf
from wxauth.types import Secret
from wxauth.wiring import get_lookup_key

logger = logging.getLogger("wxauth.cache")

T = TypeVar("T")

#: Seconds without the cache after it went wrong.
PAUSE = 5.0
#: Tries of what another process may undo in between.
TRIES = 3


class CacheGone(Exception):  # noqa: N818 - a state, like the words of the error contract
    """There is no cache at the moment."""


_lock = threading.Lock()
_gone_until = 0.0


def add_signed(key: str, value: int, seconds: int) -> bool:
    """Set it unless somebody else did; whether it was us."""
    return _ask(lambda: bool(caches[conf.CACHE].add(key, _sign(key, value), seconds)))


def put_signed(key: str, value: int, seconds: int) -> None:
    _ask(lambda: caches[conf.CACHE].set(key, _sign(key, value), seconds))


def get_signed(key: str) -> int | None:
    """What was set under this very key, by a process that knows the lookup key."""
    return _ask(lambda: _verify(key, caches[conf.CACHE].get(key)))


def get(key: str) -> int | None:
    """A count."""
    return _ask(lambda: _integer(caches[conf.CACHE].get(key)))


def forget(key: str) -> None:
    _ask(lambda: caches[conf.CACHE].delete(key))


def increase(key: str, seconds: int, *, start: int = 0) -> int:
    """Add one to a number, and answer what it is then.

    Where there is none it begins with ``start``, and lives for so many seconds.
    """
    return _ask(lambda: _increase(key, seconds, start))


def _increase(key: str, seconds: int, start: int) -> int:
    cache = caches[conf.CACHE]
    # Not "read, then write": two hundred requests at once would all read the same number.
    for _ in range(TRIES):
        cache.add(key, start, seconds)
        try:
            return int(cache.incr(key))
        except ValueError:
            continue  # It expired between the two.
    raise CacheGone


def _integer(value: object) -> int | None:
    if value is None or type(value) is int:
        return value
    raise CacheGone  # Somebody else writes under our keys.


def _sign(key: str, value: int) -> str:
    return f"{value}.{get_lookup_key().digest('cache', json.dumps([key, value]))}"


def _verify(key: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        number = int(value.partition(".")[0])
        if Secret(value).matches(Secret(_sign(key, number))):
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
