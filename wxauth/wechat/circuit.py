"""The circuit breaker: a WeChat that does not answer is left alone, and asked how it is doing.

Closed: every call passes. Open: every call is refused at once, but one at a time, which probes.
The first probe that is answered closes the circuit; each that is not keeps it open, up to four
seconds longer than the last. No lock is held while anybody waits for the network.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable

from wxauth.exceptions import WeChatError, WeChatTimeout, WeChatUnavailable

logger = logging.getLogger("wxauth.wechat")

#: Seconds of the sliding window, and what in it opens the circuit: so many failures, and no fewer
#: failures than answers.
WINDOW = 10.0
FAILURES = 10
#: Seconds from one probe to the next: the first, doubled each time up to the last.
FIRST_PAUSE = 1.0
LAST_PAUSE = 4.0
#: Seconds after which a probe that nobody has heard of again is given up: no call takes as long.
LOST = 10.0


def is_failure(outcome: object) -> bool:
    """Whether WeChat could not be asked, or did not answer.

    A refusal is an answer, and so is a bad one: whoever sent it did so without delay, and a
    gateway's page about one request says nothing about the next. -1 is ``WeChatUnavailable``.
    """
    return isinstance(outcome, (WeChatUnavailable, WeChatTimeout))


class Circuit:
    """The circuit of one app and one group of endpoints. Safe to share between threads.

    ``name`` is for the log, ``clock`` in seconds from any moment.
    """

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()
        #: When a call ended, and whether it failed.
        self._ended: deque[tuple[float, bool]] = deque()
        self._failures = 0
        #: When the next probe may go; None while the circuit is closed.
        self._probe_at: float | None = None
        self._pause = FIRST_PAUSE
        #: Counts openings, closings and probes: of two calls that began under different numbers
        #: only the later one's outcome says something about now.
        self._era = 0

    @property
    def is_open(self) -> bool:
        return self._probe_at is not None

    def enter(self) -> int:
        """Begin a call; the number is for ``leave``. Raises ``WeChatUnavailable``: it is open."""
        with self._lock:
            if self._probe_at is None:
                return self._era
            wait = self._probe_at - self._clock()
            if wait <= 0:
                # This call is the probe. Nobody else goes until it is back, or lost.
                self._probe_at = self._clock() + LOST
                self._era += 1
                return self._era
        raise WeChatUnavailable(
            "WeChat has not been answering; it is asked again in a moment.",
            # Not when a lost probe is given up: this one will be back before.
            retry_after=max(1, min(math.ceil(wait), math.ceil(LAST_PAUSE))),
        )

    def leave(self, era: int, outcome: object) -> None:
        """End a call: with its result, or the exception that stands for it."""
        failed = is_failure(outcome)
        with self._lock:
            if era != self._era:
                return
            now = self._clock()
            if self._probe_at is not None:
                news = self._end_probe(failed, now)
            else:
                news = self._end_call(failed, now)
        if news:
            reason = outcome if isinstance(outcome, WeChatError) else "it answers again."
            logger.warning("WeChat, %s: circuit %s. %s", self._name, news, reason)

    def _end_probe(self, failed: bool, now: float) -> str:
        self._era += 1
        if failed:
            self._pause = min(self._pause * 2, LAST_PAUSE)
            self._probe_at = now + self._pause
            return ""
        self._probe_at = None
        self._pause = FIRST_PAUSE
        return "closed"

    def _end_call(self, failed: bool, now: float) -> str:
        self._ended.append((now, failed))
        self._failures += failed
        while self._ended[0][0] <= now - WINDOW:
            self._failures -= self._ended.popleft()[1]
        if not failed or self._failures < FAILURES or self._failures * 2 < len(self._ended):
            return ""
        self._era += 1
        self._ended.clear()
        self._failures = 0
        self._probe_at = now + self._pause
        return "open"
