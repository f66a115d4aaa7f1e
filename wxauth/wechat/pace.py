"""Slower, where WeChat says so: 45009, 45011 and their like.

45009 is the quota of the app. 45011 may be one person's own (a hundred logins a minute, protocol
15), and whose it was a login code does not tell: eve, who hammers on her own openid, must not slow
everybody. Therefore nothing is slowed before several refusals have come with no other answer in
between; 45011 then only spaces the calls out, so finely that who is not eve gets through after a
short wait; and the first other answer ends it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from wxauth.exceptions import WeChatLimit

#: Refusals in a row after which calls are spaced out.
STRIKES = 10
#: The quota of the app.
APP_QUOTA = (45009, 44993)
#: Seconds between two calls: when the app's quota is used up, and otherwise.
LONG_GAP = 10.0
SHORT_GAP = 0.2
#: Seconds that a call waits for its turn at most.
PATIENCE = 1.0


class Pace:
    """The pace of one app and one group of endpoints. Safe to share between threads.

    ``clock`` and ``sleep`` are in seconds.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._strikes = 0
        self._gap = 0.0
        self._next = 0.0

    def wait(self) -> None:
        """Wait for the turn of this call, if need be. Raises ``WeChatLimit``: it is far away."""
        with self._lock:
            if not self._gap:
                return
            wait = max(self._next - self._clock(), 0.0)
            if wait <= PATIENCE:
                self._next = self._clock() + wait + self._gap
        if wait > PATIENCE:
            raise WeChatLimit("WeChat's quota is used up.", retry_after=math.ceil(wait))
        self._sleep(wait)

    def note(self, outcome: object) -> None:
        """Take in how a call ended: its result, or the exception that stands for it."""
        with self._lock:
            if not isinstance(outcome, WeChatLimit):
                self._strikes, self._gap = 0, 0.0
                return
            self._strikes += 1
            if self._strikes < STRIKES:
                return
            gap = LONG_GAP if outcome.errcode in APP_QUOTA else SHORT_GAP
            if gap != self._gap:
                self._gap, self._next = gap, self._clock() + gap
