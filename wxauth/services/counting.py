"""How often things happen: added up in the process, and written down by a thread of its own.

A request that counts adds a number in memory and goes on. Every ten seconds, and when the process
ends, each sum becomes one UPDATE. A process that is killed loses what it had not written yet.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import Counter
from datetime import date

from django.db import connections
from django.db.models import F
from django.utils import timezone

from wxauth.clock import today
from wxauth.models import DailyCount

try:
    from prometheus_client import Counter as Metric
except ImportError:  # pragma: no cover - the wheel test runs without it
    _metric: Metric | None = None
else:
    _metric = Metric("wxauth_outcomes", "What became of requests.", ["appid", "outcome"])

logger = logging.getLogger("wxauth.counting")

#: Seconds between two writings.
INTERVAL = 10.0


class Counts:
    """The sums of this process. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: Counter[tuple[date, str, str]] = Counter()
        self._writer: threading.Thread | None = None

    def add(self, appid: str, name: str, value: int) -> None:
        with self._lock:
            self._sums[today(timezone.now()), appid, name] += value
        if self._writer is None:
            self.start()

    def start(self) -> None:
        """Let the sums be written from time to time."""
        with self._lock:
            if self._writer is None:
                self._writer = threading.Thread(
                    target=self._write_on, name="wxauth-counting", daemon=True
                )
                self._writer.start()

    def flush(self) -> None:
        """Write down what there is; what the database does not take is kept for the next time."""
        with self._lock:
            sums, self._sums = self._sums, Counter()
        try:
            # In one order, so that two processes never wait for each other's row.
            for key in sorted(sums):
                _write_down(*key, sums[key])
                del sums[key]
        except Exception as error:  # noqa: BLE001 - a writer that dies never writes again
            logger.warning("The counts could not be written: %s.", type(error).__name__)
            with self._lock:
                self._sums += sums

    def _write_on(self) -> None:
        rest = threading.Event()
        while not rest.wait(INTERVAL):
            self.flush()
            connections.close_all()  # This thread's own: it rests.


def _write_down(day: date, appid: str, name: str, value: int) -> None:
    row = DailyCount.objects.filter(day=day, appid=appid, name=name)
    if not row.update(value=F("value") + value):
        _, created = DailyCount.objects.get_or_create(
            day=day, appid=appid, name=name, defaults={"value": value}
        )
        if not created:  # Another process was faster.
            row.update(value=F("value") + value)


_counts = Counts()


def count(appid: str, name: str, value: int = 1) -> None:
    """Something happened in this app; ``appid`` is empty where it is not known."""
    _counts.add(appid, name, value)
    if _metric is not None:
        _metric.labels(appid, name).inc(value)


def flush() -> None:
    """Write the sums of this process down now."""
    _counts.flush()


def _begin_anew() -> None:
    # A fork has a copy of its parent's sums, a lock that may be held by nobody, and no writer.
    global _counts
    _counts = Counts()


atexit.register(flush)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
