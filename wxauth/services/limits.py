"""How often somebody may ask: fixed windows, counted in the cache.

Without the cache each process counts by itself, up to its share of the limit: all of a machine
(``WXAUTH["PROCESSES"]``) together let through what the limit says, once more.
"""

from __future__ import annotations

import json
import math
import threading
import time
from dataclasses import dataclass

from wxauth.conf import conf
from wxauth.exceptions import RateLimited
from wxauth.services import cache
from wxauth.services.journal import outcomes
from wxauth.types import Rate
from wxauth.wiring import get_lookup_key

#: Windows that a process remembers.
REMEMBERED = 20_000


def hit(limit: str, who: str, *, appid: str = "", times: int = 1) -> None:
    """Count one request of ``who`` against this limit of ``WXAUTH["LIMITS"]``.

    ``times``: how many times the limit they have, where ``who`` is many.

    Raises ``RateLimited``, with the seconds until the window is over.
    """
    rate = conf.LIMITS[limit]
    rate = Rate(rate.count * times, rate.seconds)
    now = time.time()
    number = int(now // rate.seconds)
    ends = (number + 1) * rate.seconds
    # A keyed hash: neither the address nor the openid stands in the cache.
    key = get_lookup_key().short_digest("limit", json.dumps([limit, who, rate.seconds, number]))
    if not _windows.admit(key, rate, ends=ends, now=now):
        outcomes.limit_hit(limit, appid)
        raise RateLimited(retry_after=max(1, math.ceil(ends - now)))


@dataclass
class _Window:
    ends: float
    #: The most that was seen in the cache.
    seen: int = 0
    #: What this process counted without it.
    alone: int = 0


class _Windows:
    """The open windows, as far as this process knows. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[str, _Window] = {}

    def admit(self, key: str, rate: Rate, *, ends: float, now: float) -> bool:
        window = self._find(key, ends, now)
        try:
            # A cache that lost what it had counted goes on where this process saw it last.
            count = cache.increase(f"wxauth:limit:{key}", 2 * rate.seconds, start=window.seen)
        except cache.CacheGone:
            with self._lock:
                window.alone += 1
                share = max(1, rate.count // (conf.PROCESSES or 1))
                return window.seen < rate.count and window.alone <= share
        with self._lock:
            window.seen = max(window.seen, count)
        return count <= rate.count

    def _find(self, key: str, ends: float, now: float) -> _Window:
        with self._lock:
            if key not in self._windows and len(self._windows) >= REMEMBERED:
                open_ones = {k: window for k, window in self._windows.items() if window.ends > now}
                self._windows = open_ones if len(open_ones) < REMEMBERED else {}
            return self._windows.setdefault(key, _Window(ends))


_windows = _Windows()
