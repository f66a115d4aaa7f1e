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
from typing import NoReturn

from wxauth.conf import conf
from wxauth.exceptions import RateLimited
from wxauth.services import cache
from wxauth.services.journal import outcomes
from wxauth.services.stores import Increase
from wxauth.types import Rate
from wxauth.wiring import get_lookup_key

#: Windows that a process remembers.
REMEMBERED = 20_000


def hit(limit: str, who: str, *, appid: str = "", times: int = 1) -> None:
    """Count one request of ``who`` against this limit of ``WXAUTH["LIMITS"]``.

    ``times``: how many times the limit they have, where ``who`` is many.

    Raises ``RateLimited``, with the seconds until the window is over.
    """
    Hit(limit, who, appid=appid, times=times).count()


class Hit:
    """One request that has to be counted: now, or on one way to the cache with something else."""

    def __init__(self, limit: str, who: str, *, appid: str = "", times: int = 1) -> None:
        rate = conf.LIMITS[limit]
        now = time.time()
        number = int(now // rate.seconds)
        # A keyed hash: neither the address nor the openid stands in the cache.
        key = get_lookup_key().short_digest("limit", json.dumps([limit, who, rate.seconds, number]))
        self._limit, self._appid = limit, appid
        self._rate = Rate(rate.count * times, rate.seconds)
        self._ends = (number + 1) * rate.seconds
        self._window = _windows.find(key, self._ends, now)
        #: A cache that lost what it had counted goes on where this process saw it last.
        self.command = Increase(f"wxauth:limit:{key}", 2 * rate.seconds, self._window.seen)
        self.is_counted = self.is_refused = False

    def count(self) -> None:
        """Raises ``RateLimited``."""
        self.refuse_known()
        try:
            (count,) = cache.ask(self.command)
        except cache.CacheGone:
            count = None
        self.judge(count)

    def judge(self, count: int | None) -> None:
        """``count``: what came of ``command``; None where there is no cache.

        Raises ``RateLimited``.
        """
        self.is_counted = True
        if not _windows.admit(self._window, self._rate, count):
            self._refuse()

    def refuse_known(self) -> None:
        """Without asking anybody, where this process has seen the window full.

        Raises ``RateLimited``.
        """
        if self._window.seen >= self._rate.count:
            self._refuse()

    def _refuse(self) -> NoReturn:
        self.is_counted = self.is_refused = True
        outcomes.limit_hit(self._limit, self._appid)
        raise RateLimited(retry_after=max(1, math.ceil(self._ends - time.time())))


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

    def find(self, key: str, ends: float, now: float) -> _Window:
        with self._lock:
            if key not in self._windows and len(self._windows) >= REMEMBERED:
                open_ones = {k: window for k, window in self._windows.items() if window.ends > now}
                self._windows = open_ones if len(open_ones) < REMEMBERED else {}
            return self._windows.setdefault(key, _Window(ends))

    def admit(self, window: _Window, rate: Rate, count: int | None) -> bool:
        with self._lock:
            if count is None:
                window.alone += 1
                share = max(1, rate.count // (conf.PROCESSES or 1))
                return window.seen < rate.count and window.alone <= share
            window.seen = max(window.seen, count)
        return count <= rate.count


_windows = _Windows()
