"""The total deadline of one call to WeChat, and the secrets that the call carries.

requests and urllib3 know a timeout per socket operation only: an answer that dribbles in byte by
byte lasts for ever. Here a thread, one for all calls of the process, shuts the socket down when the
time is up, whatever the call is doing at that moment: a handshake, the headers, the body.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from urllib.parse import quote

from wxauth.types import Secret

#: The call that the running thread is making. The connection, deep inside urllib3, finds it here.
current: ContextVar[Call] = ContextVar("current")


def placeholder(name: str) -> str:
    """What stands for a secret in a URL.

    Parentheses pass through requests and urllib3 unchanged, and ``quote(…, safe="")`` never
    yields one: no value of another parameter can pose as a placeholder.
    """
    return f"({name})"


class Call:
    """One call, from looking up the name to the last byte of the body. A context manager.

    ``secrets`` belong into the URL, in place of their placeholders; ``body`` is what to send in
    place of whatever body the libraries above were given.
    """

    def __init__(
        self, seconds: float, secrets: Mapping[str, Secret], body: Secret | None = None
    ) -> None:
        #: A connection exists (its TLS handshake may still be under way, or have failed).
        self.connected = False
        #: Bytes of the request may have left.
        self.sent = False
        self.expired = False
        #: Why there is no connection, in plain words.
        self.trouble = "no connection"
        self._secrets = secrets
        self._body = body
        #: The deadline, by ``time.monotonic``.
        self.ends = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._watched: socket.socket | None = None
        self._token: Token[Call]

    def __enter__(self) -> Call:
        _watchdog.watch(self)
        self._token = current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _watchdog.forget(self)
        self.release()
        current.reset(self._token)

    @property
    def remaining(self) -> float:
        """Seconds left, never quite 0: a socket timeout of 0 means something else."""
        return max(self.ends - time.monotonic(), 0.001)

    def watch(self, sock: socket.socket) -> None:
        """Shut this socket down at the deadline."""
        with self._lock:
            if self._watched is None:
                # A duplicate of our own: wrapping a socket in TLS detaches the original, and the
                # number of a closed one may by then belong to somebody else's file.
                self._watched = socket.socket(fileno=os.dup(sock.fileno()))
            if self.expired:
                _shut(self._watched)

    def release(self) -> None:
        """Stop watching: from here on the connection may serve another call."""
        with self._lock:
            if self._watched is not None:
                self._watched.close()
                self._watched = None

    def expire(self) -> None:
        """The deadline has come."""
        with self._lock:
            self.expired = True
            if self._watched is not None:
                _shut(self._watched)

    def fill(self, head: bytes) -> bytes:
        """The head of the request with the secrets in place of their placeholders."""
        line, separator, rest = head.partition(b"\r\n")
        for name, secret in self._secrets.items():
            line = line.replace(placeholder(name).encode(), quoted(secret.reveal()).encode())
        return line + separator + rest

    def fill_body(self, masked: bytes) -> bytes:
        """The body that was meant."""
        return masked if self._body is None else self._body.reveal().encode()


def quoted(value: str) -> str:
    """One value of a query. Nothing raises here: an encoding error would carry the value."""
    return quote(value, safe="", errors="surrogatepass")


class _Watchdog:
    """The calls that are under way, and a thread that ends those whose deadline has come.

    The thread begins with the first call. While calls come and go it wakes once in five seconds or
    so: it is not told that the call which it waits for has ended well.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls: set[Call] = set()
        #: When the thread looks next.
        self._look = math.inf
        self._thread: threading.Thread | None = None

    def watch(self, call: Call) -> None:
        with self._changed:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="wxauth-watchdog", daemon=True)
                thread.start()
                self._thread = thread
            self._calls.add(call)
            if call.ends < self._look:
                self._changed.notify()

    def forget(self, call: Call) -> None:
        with self._changed:
            self._calls.discard(call)

    def _run(self) -> None:
        while True:
            for call in self._wait():
                call.expire()

    def _wait(self) -> list[Call]:
        """The calls whose deadline has come, none of them or some."""
        with self._changed:
            self._look = min((call.ends for call in self._calls), default=math.inf)
            seconds = min(self._look - time.monotonic(), threading.TIMEOUT_MAX)
            if seconds > 0:
                self._changed.wait(seconds)
            now = time.monotonic()
            due = [call for call in self._calls if call.ends <= now]
            self._calls.difference_update(due)
            return due


_watchdog = _Watchdog()


def _start_anew() -> None:
    """In the child of a fork: thread and calls are the parent's, and the lock may be held."""
    global _watchdog
    _watchdog = _Watchdog()


# Where there is no fork, there is nothing to register.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # The other side was faster.
        sock.shutdown(socket.SHUT_RDWR)
