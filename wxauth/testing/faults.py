"""What can go wrong between a server and WeChat, on request.

::

    fake.faults.add(faults.Errcode(-1))                  # once
    fake.faults.add(faults.Slow(10), times=None)         # until cleared
    fake.faults.clear()

A fault says whether WeChat had done its part before things went wrong. ``Errcode``, ``Redirect``
and ``html`` stand before WeChat: a code that was sent with the request is still good. All others
spoil an answer that WeChat gave: the code is used up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from .refusals import refusal

LOGIN = "/sns/jscode2session"
OAUTH2 = "/sns/oauth2/access_token"
USER_INFO = "/sns/userinfo"
TOKEN = "/cgi-bin/stable_token"  # noqa: S105 -- a path
PHONE = "/wxa/business/getuserphonenumber"


@dataclass(frozen=True)
class Reply:
    """One HTTP answer. ``length`` is the Content-Length to claim, if not the true one."""

    body: bytes
    status: int = 200
    content_type: str = "text/plain"
    length: int | None = None
    location: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Wire(Protocol):
    """The connection that a reply goes to."""

    def head(self, reply: Reply) -> None:
        """Send the status line and the headers."""

    def body(self, data: bytes) -> None:
        """Send a part of the body."""

    def hang_up(self, *, reset: bool = False) -> None:
        """Let this be the last reply of the connection; ``reset``: break it off at once."""


class Fault:
    """No fault: what the others differ from."""

    def answer(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | Reply:
        """The answer, given how to ask the fake."""
        return ask()

    def send(self, wire: Wire, reply: Reply, over: threading.Event) -> None:
        """Put the reply on the wire; what waits, waits for ``over`` at most."""
        wire.head(reply)
        wire.body(reply.body)


@dataclass(frozen=True)
class Errcode(Fault):
    """WeChat refuses; a ``str`` is sent as one."""

    errcode: int | str = -1
    errmsg: str | None = None

    def answer(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | Reply:
        return refusal(self.errcode, self.errmsg)


@dataclass(frozen=True)
class Fields(Fault):
    """Fields of the answer are wrong, or missing."""

    wrong: dict[str, Any] = field(default_factory=dict)
    missing: Sequence[str] = ()

    def answer(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | Reply:
        answer = {**ask(), **self.wrong}
        return {name: value for name, value in answer.items() if name not in self.missing}


@dataclass(frozen=True)
class PhoneInfo(Fault):
    """Fields of the ``phone_info`` are wrong, or missing.

    ``PhoneInfo({"countryCode": 86})`` is the number that WeChat's own example has in place of the
    text; ``PhoneInfo({"watermark": {"timestamp": 0, "appid": "wx…"}})`` speaks of another app.
    """

    wrong: dict[str, Any] = field(default_factory=dict)
    missing: Sequence[str] = ()

    def answer(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | Reply:
        answer = ask()
        info = {**answer.get("phone_info", {}), **self.wrong}
        info = {name: value for name, value in info.items() if name not in self.missing}
        return {**answer, "phone_info": info} if "phone_info" in answer else answer


@dataclass(frozen=True)
class Body(Fault):
    """Something else in place of the answer. ``used``: WeChat had done its part."""

    body: str = ""
    status: int = 200
    content_type: str = "text/plain"
    used: bool = True

    def answer(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | Reply:
        if self.used:
            ask()
        return Reply(self.body.encode(), self.status, self.content_type)


def empty() -> Fault:
    """Nothing at all, with status 200."""
    return Body()


def not_json() -> Fault:
    """Text that is not JSON."""
    return Body('{"openid": oops')


def html(status: int = 502) -> Fault:
    """A page of a gateway (502) or of a captive portal (200)."""
    page = "<html><body><h1>Not WeChat</h1></body></html>"
    return Body(page, status, "text/html", used=False)


@dataclass(frozen=True)
class Redirect(Fault):
    """A redirect to somewhere else."""

    location: str
    status: int = 302

    def answer(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | Reply:
        return Reply(b"", self.status, location=self.location)


@dataclass(frozen=True)
class TooLong(Fault):
    """A right answer with ``size`` bytes of padding: only a cap on the length refuses it."""

    size: int = 1_000_000

    def answer(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | Reply:
        return {"padding": "x" * self.size, **ask()}


@dataclass(frozen=True)
class Slow(Fault):
    """The answer comes ``seconds`` late."""

    seconds: float

    def send(self, wire: Wire, reply: Reply, over: threading.Event) -> None:
        over.wait(self.seconds)
        super().send(wire, reply, over)


@dataclass(frozen=True)
class Dribble(Fault):
    """The headers come at once, then one byte each ``seconds``.

    Each read is quick, so that a read timeout never strikes. With many seconds it is the other
    fault, headers and then silence.
    """

    seconds: float

    def send(self, wire: Wire, reply: Reply, over: threading.Event) -> None:
        wire.head(reply)
        for byte in reply.body:
            over.wait(self.seconds)
            wire.body(bytes([byte]))


@dataclass(frozen=True)
class Truncated(Fault):
    """The connection ends before the length that the headers promise."""

    def send(self, wire: Wire, reply: Reply, over: threading.Event) -> None:
        super().send(wire, replace(reply, length=len(reply.body) + 100), over)
        wire.hang_up()


@dataclass(frozen=True)
class Reset(Fault):
    """The connection is reset in place of an answer."""

    def send(self, wire: Wire, reply: Reply, over: threading.Event) -> None:
        wire.hang_up(reset=True)


class Faults:
    """The faults to come, in their order, path by path. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._coming: dict[str, list[tuple[Fault, int | None]]] = {}
        self._over: dict[str, threading.Event] = {}

    def add(self, fault: Fault, *, path: str = LOGIN, times: int | None = 1) -> None:
        """Let the next ``times`` requests of ``path`` meet this fault; None: all, until cleared."""
        with self._lock:
            self._coming.setdefault(path, []).append((fault, times))

    def clear(self, path: str | None = None) -> None:
        """No more faults, on one path or at all; who is being kept waiting is answered now."""
        with self._lock:
            for name in {*self._coming, *self._over} if path is None else {path}:
                self._coming.pop(name, None)
                if name in self._over:
                    self._over.pop(name).set()

    def take(self, path: str) -> tuple[Fault, threading.Event]:
        """The fault that a request meets, and the event that ends its waits."""
        with self._lock:
            coming = self._coming.get(path)
            if not coming:
                return Fault(), threading.Event()
            fault, times = coming[0]
            if times is not None:
                coming[:1] = [(fault, times - 1)] if times > 1 else []
            return fault, self._over.setdefault(path, threading.Event())
