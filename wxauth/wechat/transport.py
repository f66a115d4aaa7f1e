"""The one place that opens a socket.

What leaves here is bytes or one of ``WeChatError``'s children: no exception of requests or
urllib3 gets out (they carry the request), and no secret gets in. A ``Secret`` travels through
requests and urllib3 as a placeholder (a body: as stars) and is put in its place by our own
connection, just before the socket; their log lines, exceptions and whatever an error tracker
patches see a placeholder.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from concurrent import futures
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError

from wxauth.exceptions import WeChatBadResponse, WeChatError, WeChatTimeout, WeChatUnavailable
from wxauth.types import Secret

from .watchdog import Call, current, placeholder, quoted

#: Bytes of a body. WeChat's answers are a few hundred (protocol 1.4).
MAX_BODY = 64 * 1024
#: Seconds a kept connection may rest. Firewalls forget an idle one without a word, and a request
#: on it would be lost together with its single-use code.
MAX_IDLE = 30.0
#: A certificate, or one of its issuers, that vouches for itself: X509_V_ERR_DEPTH_ZERO_… and
#: X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN of OpenSSL.
SELF_SIGNED = (18, 19)
_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "keep-alive",
    "User-Agent": "django-wxauth",
}


class Transport:
    """Connections to one server, kept alive. Safe to share between threads.

    All times are in seconds: ``deadline`` is for the whole of a call, ``connect_timeout`` for the
    connection to be there, ``read_timeout`` for the silence between two pieces of the answer.
    """

    def __init__(
        self,
        base_url: str,
        *,
        pool_size: int = 8,
        connect_timeout: float = 2.0,
        read_timeout: float = 3.0,
        deadline: float = 5.0,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._deadline = deadline
        self._adapter = _Adapter(pool_maxsize=pool_size)

    def get(
        self, path: str, params: Mapping[str, str | Secret], *, seconds: float | None = None
    ) -> bytes:
        """The body of the answer, whatever its status (but 3xx, 5xx) and content type.

        ``seconds`` shortens the deadline. Raises ``WeChatUnavailable`` (nothing was consumed),
        ``WeChatTimeout`` or ``WeChatBadResponse`` (what the request carries may be consumed). The
        request is repeated, once and within the deadline, only if there was no connection to send
        it on.
        """
        return self._send("GET", path, params, None, seconds)

    def post(
        self,
        path: str,
        params: Mapping[str, str | Secret],
        body: Mapping[str, str | Secret | bool],
        *,
        seconds: float | None = None,
    ) -> bytes:
        """The same, with a JSON object as the request's body. Not all of it has to be secret."""
        return self._send("POST", path, params, _to_json(body), seconds)

    def close(self) -> None:
        self._adapter.close()

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | Secret],
        body: Secret | None,
        seconds: float | None,
    ) -> bytes:
        secrets = {name: value for name, value in params.items() if isinstance(value, Secret)}
        query = "&".join(
            f"{name}={placeholder(name) if isinstance(value, Secret) else quoted(value)}"
            for name, value in params.items()
        )
        url = f"{self._base_url}{path}?{query}"
        deadline = self._deadline if seconds is None else min(seconds, self._deadline)
        # As many stars as the body has bytes, which is what requests counts.
        stars = None if body is None else b"*" * len(body.reveal())
        with Call(deadline, secrets, body) as call:
            outcome = self._attempt(method, url, stars, call)
            # A kept connection was made by an earlier call: not connected, and yet sent.
            left = call.sent or call.connected
            if isinstance(outcome, WeChatUnavailable) and not (left or call.expired):
                outcome = self._attempt(method, url, stars, call)
        # Raised here, where no other exception is being handled: ``__context__`` would hold it.
        if isinstance(outcome, WeChatError):
            raise outcome
        return outcome

    def _attempt(
        self, method: str, url: str, stars: bytes | None, call: Call
    ) -> bytes | WeChatError:
        connect = min(self._connect_timeout, call.remaining)
        read = min(self._read_timeout, call.remaining)
        try:
            with self._adapter.send(
                _prepare(method, url, stars), timeout=(connect, read), verify=self._adapter.verify
            ) as response:
                if 300 <= response.status_code < 400:
                    return WeChatBadResponse("WeChat answered with a redirect.")
                if 500 <= response.status_code < 600:
                    return WeChatUnavailable(f"WeChat answered HTTP {response.status_code}.")
                body = _read(response)
        except (requests.RequestException, HTTPError, OSError) as error:
            if not call.sent:
                trouble = "timed out" if call.expired else call.trouble
                return WeChatUnavailable(f"WeChat could not be reached: {trouble}.")
            if call.expired or isinstance(error, (requests.ReadTimeout, ReadTimeoutError)):
                return WeChatTimeout("WeChat did not answer in time.")
            return WeChatBadResponse("WeChat hung up in the middle of its answer.")
        if call.expired:
            # A body without Content-Length ends where the watchdog cut it.
            return WeChatTimeout("WeChat did not answer in time.")
        if len(body) > MAX_BODY:
            return WeChatBadResponse("WeChat's answer is too large.")
        return body


def _to_json(body: Mapping[str, str | Secret | bool]) -> Secret:
    """The body as a text of ASCII: what is not is escaped, a lone surrogate included."""
    return Secret(
        json.dumps(
            {
                name: value.reveal() if isinstance(value, Secret) else value
                for name, value in body.items()
            }
        )
    )


def _read(response: requests.Response) -> bytes:
    """The body as it came, at most one byte more than allowed.

    Nothing is decompressed: nothing compressed was asked for, and 64 KB of it can be 64 MB.
    """
    body = b""
    while len(body) <= MAX_BODY:
        piece = response.raw.read(MAX_BODY + 1 - len(body), decode_content=False)
        if not piece:
            break
        body += piece
    return body


def _prepare(method: str, url: str, body: bytes | None) -> requests.PreparedRequest:
    """What a session of requests would make of it, in a third of the time.

    A session asks the environment for proxies, .netrc and certificates, merges settings and
    cookies, and follows redirects: here there is nothing of the kind, and the URL is quoted.
    """
    request = requests.PreparedRequest()
    request.prepare_method(method)
    request.url = url
    request.headers = CaseInsensitiveDict(_HEADERS)
    if body is not None:
        request.headers.update({"Content-Type": "application/json"})
        request.body = body
        request.prepare_content_length(body)
    return request


class _Connection(HTTPConnection):
    """Tells the current call about its socket, and puts the secrets into the request."""

    idle_since = 0.0

    def _new_conn(self) -> socket.socket:
        call = current.get()
        try:
            sock = _connect(self.host, self.port, self.timeout or call.remaining)
        except (OSError, UnicodeError, futures.TimeoutError) as error:
            call.trouble = _reason(error)
            raise NewConnectionError(self, call.trouble) from None
        call.connected = True
        call.watch(sock)
        sock.settimeout(self.timeout)
        return sock

    @property
    def is_connected(self) -> bool:
        """Asked before a kept connection is used again."""
        return time.monotonic() - self.idle_since < MAX_IDLE and super().is_connected

    def send(self, data: Any) -> None:
        # Not ``super().send``: it prints (debuglevel) and audits what it sends.
        if self.sock is None:
            self.connect()
        call = current.get()
        call.watch(self.sock)
        is_head, call.sent = not call.sent, True
        try:
            self.sock.sendall(call.fill(data) if is_head else call.fill_body(data))
        except OSError as error:
            failure = error
        else:
            return
        # The frames below ours, in the ssl module, have the filled request as a local variable.
        raise failure.with_traceback(None)


class _TLSConnection(_Connection, HTTPSConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, ValueError) as error:
            current.get().trouble = f"TLS failed, {_reason(error)}"
            raise


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection

    def _put_conn(self, conn: Any) -> None:
        # Before the connection is back: a deadline that comes now must not hit its next user.
        current.get().release()
        if conn is not None:
            conn.idle_since = time.monotonic()
        super()._put_conn(conn)


class _TLSPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Adapter(HTTPAdapter):
    #: Certificates are verified by the bundle of requests.
    verify: bool | str = True

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}


def _connect(host: str, port: int, seconds: float) -> socket.socket:
    """A connection within so many seconds, shared out among all addresses of the host.

    urllib3 grants the timeout to each address anew, and WeChat's name has several.
    """
    ends = time.monotonic() + seconds
    addresses = _resolve(host, port, seconds)
    trouble = OSError("no address")
    for position, (family, kind, protocol, _, address) in enumerate(addresses):
        share = max(ends - time.monotonic(), 0.001) / (len(addresses) - position)
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(share)
            sock.connect(address)
        except OSError as error:
            sock.close()
            trouble = error
        else:
            return sock
    raise trouble


def _resolve(host: str, port: int, seconds: float) -> list[Any]:
    """``getaddrinfo`` cannot be given a timeout: with a silent name server it hangs for long."""
    answer: futures.Future[list[Any]] = futures.Future()

    def look_up() -> None:
        try:
            answer.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.set_exception(error)

    threading.Thread(target=look_up, daemon=True).start()
    return answer.result(seconds)


def _reason(error: Exception) -> str:
    """Why there is no connection, for the operator: no address, no URL."""
    if isinstance(error, (TimeoutError, futures.TimeoutError)):
        return "timed out"
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in SELF_SIGNED:
        # Protocol 11.2: its proxy stands where WeChat's server seems to be.
        return (
            "self-signed certificate; in WeChat Cloud Hosting (微信云托管) that is usually the "
            "switch 开放接口服务 of the service: turn it off, wxauth obtains its own access_token"
        )
    if isinstance(error, ssl.SSLError):
        return str(getattr(error, "verify_message", "") or error.reason or "no handshake").lower()
    return str(getattr(error, "strerror", "") or "the name is not valid").lower()
