"""What the log says about the request that is being answered.

``RequestFilter`` puts its id on every record that is written meanwhile, whoever writes it: a slow
call to WeChat, a database in trouble, the outcome. The last line of a request is ``wxauth.access``.
None of them holds a query string, a header, an address or anything out of a body.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger("wxauth.access")

_QUERY = re.compile(r"\?[^ ]*")

#: A request id of the caller's is passed on where it cannot forge a log line.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)

#: Seconds from which on a request is a slow one.
SLOW = 2.0


@dataclass
class Answering:
    """A request to wxauth's own views, while it is answered."""

    request_id: str
    begun: float = field(default_factory=time.monotonic)
    #: Seconds spent on asking WeChat, waiting for a turn included.
    wechat: float = 0.0


_current: ContextVar[Answering | None] = ContextVar("wxauth_answering", default=None)


def choose_request_id(sent: str) -> str:
    """The ``X-Request-ID`` that was sent, if it is well-formed; else a new one."""
    return sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex


@contextmanager
def answering(request_id: str) -> Iterator[Answering]:
    """For the time of one request; the thread goes on to another one."""
    request = Answering(request_id)
    before = _current.set(request)
    try:
        yield request
    finally:
        _current.reset(before)


@contextmanager
def asking_wechat() -> Iterator[None]:
    """Count the time as WeChat's. One within another is a part of it."""
    request = _current.get()
    if request is None:
        yield
        return
    begun, before = time.monotonic(), request.wechat
    try:
        yield
    finally:
        request.wechat = before + time.monotonic() - begun


def get_request_id() -> str:
    """The id of the request that is being answered; empty outside of wxauth's own views."""
    request = _current.get()
    return request.request_id if request else ""


def finish(request: Answering, **known: Any) -> None:
    """The line that ends a request. ``known``: path, method, status, and what else there is."""
    seconds = time.monotonic() - request.begun
    level = logging.WARNING if known["status"] >= 500 or seconds >= SLOW else logging.INFO
    logger.log(
        level,
        "%s %s %s",
        known["method"],
        known["path"],
        known["status"],
        extra={
            **known,
            "request_id": request.request_id,
            "milliseconds": round(seconds * 1000),
            "wechat_milliseconds": round(request.wechat * 1000),
        },
    )


class QueryFilter(logging.Filter):
    """Takes queries out of what Django logs: they hold codes and tokens.

    Its development server writes whole request lines; its warnings carry the request, which a JSON
    formatter writes out with its query.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "django.server" and isinstance(record.args, tuple):
            record.args = tuple(
                _QUERY.sub("?…", each) if isinstance(each, str) else each for each in record.args
            )
        path = getattr(getattr(record, "request", None), "path", None)
        if path is not None:
            vars(record)["request"] = path
        return True


class RequestFilter(logging.Filter):
    """Adds ``request_id`` to every record. For the handlers of the project's ``LOGGING``."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = get_request_id()
        return True
