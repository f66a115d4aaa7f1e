"""The total deadline of one call to WeChat, and the secrets that the call carries.

requests and urllib3 know a timeout per socket operation only: an answer that dribbles in byte by
byte lasts for ever. Here a timer shuts the socket down when the time is up, whatever the call is
doing at that moment: a handshake, the headers, the body.
"""

from __future__ import annotations

import contextlib
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
        self._ends = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._watched: socket.socket | None = None
        self._timer = threading.Timer(seconds, self.expire)
        self._timer.daemon = True
        self._token: Token[Call]

    def __enter__(self) -> Call:
        self._timer.start()
        self._token = current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self.release()
        current.reset(self._token)

    @property
    def remaining(self) -> float:
        """Seconds left, never quite 0: a socket timeout of 0 means something else."""
        return max(self._ends - time.monotonic(), 0.001)

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


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # The other side was faster.
        sock.shutdown(socket.SHUT_RDWR)
