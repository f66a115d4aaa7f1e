"""How often things happen: added up in the process, and written when a request ends.

A request that counts adds a number in memory and goes on. The sums are written by the first
request, of whatever kind, that ends ten seconds after the oldest of them was counted: when its
answer has gone out and its transactions are over, one UPDATE each. A command writes its own when
it ends. A process that ends loses at most what it counted in the ten seconds before its last
request ended.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from datetime import date
from typing import Any

from django.core.signals import request_finished
from django.db import connections, router
from django.db.models import F
from django.dispatch import receiver
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

#: Seconds that a count waits, at least, for a request that ends.
INTERVAL = 10.0


class Counts:
    """The sums of one process. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: Counter[tuple[date, str, str]] = Counter()
        self._waiting_since = 0.0  # of time.monotonic()
        self._writing = threading.Lock()

    def add(self, appid: str, name: str, value: int) -> None:
        with self._lock:
            if not self._sums:
                self._waiting_since = time.monotonic()
            self._sums[today(timezone.now()), appid, name] += value

    def due(self) -> bool:
        return bool(self._sums) and time.monotonic() - self._waiting_since >= INTERVAL

    def flush(self) -> None:
        """Write down what there is; what the database does not take is kept for the next time.

        Nothing is written within a transaction: its rollback would lose the counts, and the tests
        of a project, which roll back, would find rows that they did not make. Nor twice at once:
        whoever comes second goes on.
        """
        if not self._sums or not self._writing.acquire(blocking=False):
            return
        try:
            connection = connections[router.db_for_write(DailyCount)]
            if connection.in_atomic_block:
                return
            # Django has ended the request's connection already, unless it is kept between requests.
            closed = connection.connection is None
            try:
                self._write()
            finally:
                if closed:
                    connection.close_if_unusable_or_obsolete()
        except Exception as error:  # noqa: BLE001 - no request fails for its being counted
            logger.warning("The counts could not be written: %s.", type(error).__name__)
        finally:
            self._writing.release()

    def _write(self) -> None:
        with self._lock:
            sums, self._sums = self._sums, Counter()
        try:
            # In one order, so that two processes never wait for each other's row.
            for key in sorted(sums):
                _write_down(*key, sums[key])
                del sums[key]
        finally:
            if sums:
                with self._lock:
                    self._sums += sums
                    self._waiting_since = time.monotonic()


def _write_down(day: date, appid: str, name: str, value: int) -> None:
    row = DailyCount.objects.filter(day=day, appid=appid, name=name)
    if not row.update(value=F("value") + value):
        _, created = DailyCount.objects.get_or_create(
            day=day, appid=appid, name=name, defaults={"value": value}
        )
        if not created:  # Another process was faster.
            row.update(value=F("value") + value)


#: By process: a fork has a copy of its parent's sums, which the parent will write, and of its
#: locks, which nobody may ever release. It starts with its own.
_by_process: dict[int, Counts] = {}


def _counts() -> Counts:
    pid = os.getpid()
    # setdefault is atomic: all threads get the same one.
    return _by_process.get(pid) or _by_process.setdefault(pid, Counts())


def count(appid: str, name: str, value: int = 1) -> None:
    """Something happened in this app; ``appid`` is empty where it is not known."""
    _counts().add(appid, name, value)
    if _metric is not None:
        _metric.labels(appid, name).inc(value)


def flush() -> None:
    """Write the sums of this process down now."""
    _counts().flush()


@receiver(request_finished, dispatch_uid="wxauth.counts")
def _flush_when_due(**kwargs: Any) -> None:
    counts = _counts()
    if counts.due():
        counts.flush()
