"""The bulkhead: how many calls to WeChat a process makes at once.

A WeChat that hangs keeps the threads that are asking it, and no others: the rest of the process
goes on answering. Waiting for a place is worth it while calls are quick, and pointless while they
are not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from wxauth.exceptions import WeChatUnavailable

#: Seconds that a full house waits at most.
PATIENCE = 1.0
#: Seconds after which a call in flight is a slow one: behind it nobody waits.
SLOW = 0.5


class Gate:
    """So many ``places``. Safe to share between threads."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._free = threading.Condition()
        #: When each call in flight began.
        self._begun: dict[object, float] = {}

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place. Raises ``WeChatUnavailable`` where there is none to be had soon."""
        ticket = object()
        if not self._take(ticket):
            raise WeChatUnavailable("Too many calls to WeChat are waiting for its answer.")
        try:
            yield
        finally:
            with self._free:
                del self._begun[ticket]
                self._free.notify()

    def _take(self, ticket: object) -> bool:
        with self._free:
            given_up = time.monotonic() + PATIENCE
            while len(self._begun) >= self._places:
                ends = min(given_up, min(self._begun.values()) + SLOW)
                if (seconds := ends - time.monotonic()) <= 0:
                    # The place that woke this thread, if one did, is somebody else's by now.
                    return False
                self._free.wait(seconds)
            self._begun[ticket] = time.monotonic()
            return True
