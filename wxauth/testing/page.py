"""The simulated phone: a page in the browser that runs the mini-program client for real.

The page (``static/phone/``) brings a ``wx`` of its own. What that needs is answered here, from one
origin, so that neither the project nor the sandbox has to allow another one:

- ``/`` and ``/phone/…``: the page.
- ``/phone/config.json``: the apps, the people, and where the project is.
- ``/phone/state.json?after=N``: what the project asked WeChat since, and the rows it has now.
- ``/backend/…``: the project itself. Requests are passed on to that one address and nowhere else,
  without cookies in either direction.

WeChat's browser on the phone is in a frame, from another port: see ``browser``.

Development only: ``wxauth_sandbox``, which serves it, refuses to start with ``DEBUG`` off.
"""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .faults import Fault, Reply

STATIC = Path(__file__).parent / "static" / "phone"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: Nothing from elsewhere, nothing inline: whatever a nickname holds, it is no script.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
BACKEND = "/backend"
PASSED_ON = ("accept", "accept-language", "authorization", "content-type", "x-request-id")
PASSED_BACK = ("Retry-After", "X-Request-ID")
#: The page shows the newest calls; it asks several times a second.
REMEMBERED = 200
#: Parameters and fields whose value nobody needs to see.
SECRET = ("secret", "session_key", "access_token", "refresh_token")


@dataclass(frozen=True)
class Request:
    """What the page asks."""

    method: str
    #: With its query.
    target: str
    query: Mapping[str, str]
    #: Their names are in lower case.
    headers: Mapping[str, str]
    body: bytes


class PhonePage:
    """Answers the page's requests.

    ``backend`` is the project's base URL (http), ``config`` what the page is told at its start,
    ``rows`` reads what the project has stored.
    """

    def __init__(
        self, *, backend: str, config: Mapping[str, Any], rows: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._address = read_address(backend)
        self._config = {**config, "backendPort": self._address[1]}
        #: WeChat's browser: its port, the path that it opens, the appid of the account; or None.
        self.browser: Mapping[str, Any] | None = None
        self._rows = rows
        self._numbers = itertools.count(1)
        self._calls: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self._lock = threading.Lock()

    def owns(self, path: str) -> bool:
        """Whether this path is the page's, and not WeChat's."""
        return path == "/" or path.startswith(("/phone/", BACKEND + "/"))

    def note(
        self,
        path: str,
        params: Mapping[str, Any],
        fault: Fault,
        answer: Mapping[str, Any] | Reply,
    ) -> None:
        """Remember what the project asked WeChat, and what it is about to be told."""
        if isinstance(answer, Reply):
            told: Mapping[str, Any] = {"status": answer.status, "body": answer.content_type}
        else:
            told = answer
        call = {
            "path": path,
            "asked": {name: _shorten(name, params[name]) for name in params},
            "told": {name: _shorten(name, told[name]) for name in told},
            "trouble": None if type(fault) is Fault else type(fault).__name__,
            "at": time.monotonic(),
        }
        with self._lock:
            self._calls.append({**call, "number": next(self._numbers)})

    def answer(self, request: Request) -> Reply:
        path = urlsplit(request.target).path
        if path.startswith(BACKEND + "/"):
            return self._pass_on(request)
        if request.method != "GET":
            return _reply(b"", "text/plain", 405)
        if path == "/phone/config.json":
            return _json({**self._config, "browser": self.browser})
        if path == "/phone/state.json":
            return _json(self._state(request.query.get("after", "")))
        file = STATIC / (path.rpartition("/")[2] or "index.html")
        if file.suffix not in TYPES or file.parent != STATIC or not file.is_file():
            return _reply(b"Not here.", "text/plain", 404)
        reply = _reply(file.read_bytes(), TYPES[file.suffix])
        if self.browser is None or file.suffix != ".html":
            return reply
        frame = f"{get_host(request)}:{self.browser['port']}"
        policy = f"{HEADERS['Content-Security-Policy']}; frame-src {frame}"
        return replace(reply, headers={**reply.headers, "Content-Security-Policy": policy})

    def _state(self, after: str) -> dict[str, Any]:
        number = int(after) if after.isdecimal() else 0
        rows = self._rows()
        # Read last: the page counts back from the moment at which this arrives.
        now = time.monotonic()
        with self._lock:
            calls = [
                {**call, "at": None, "age": round((now - call["at"]) * 1000)}
                for call in self._calls
                if call["number"] > number
            ]
        return {"calls": calls, "rows": rows}

    def _pass_on(self, request: Request) -> Reply:
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        # A browser does not let a page choose its User-Agent; each phone on it has its own.
        headers["user-agent"] = request.headers.get("x-phone", "")
        got = ask_project(self._address, request, request.target.removeprefix(BACKEND), headers)
        if got is None:
            return bad_gateway()
        kind = got.headers.get("Content-Type", "text/plain")
        passed = {name: value for name in PASSED_BACK if (value := got.headers.get(name))}
        return _reply(got.body, kind, got.status, passed)


@dataclass(frozen=True)
class Answer:
    """What the project answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


def read_address(backend: str) -> tuple[str, int]:
    """Host and port of the project. Raises ``ValueError``."""
    url = urlsplit(backend)
    if url.scheme != "http" or not url.hostname or url.path.strip("/"):
        raise ValueError("The backend must be an address such as http://127.0.0.1:8000.")
    return url.hostname, url.port or 80


def ask_project(
    address: tuple[str, int], request: Request, target: str, headers: Mapping[str, str]
) -> Answer | None:
    """Pass a request on; None where the project does not answer."""
    connection = http.client.HTTPConnection(*address, timeout=30)
    try:
        connection.request(request.method, target, request.body or None, dict(headers))
        got = connection.getresponse()
        return Answer(got.status, got.headers, got.read())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def bad_gateway() -> Reply:
    """As nginx answers, whose HTML a client has to understand too."""
    return _reply(b"<h1>502 Bad Gateway</h1>", "text/html", 502)


def get_host(request: Request) -> str:
    """Scheme and host, without the port, by which the browser calls this machine."""
    name = urlsplit(f"//{request.headers.get('host', '')}").hostname or "127.0.0.1"
    return f"http://[{name}]" if ":" in name else f"http://{name}"


def _shorten(name: str, value: object) -> object:
    if name in SECRET:
        return "•••"
    if isinstance(value, str) and name not in {"errmsg", "body", "grant_type", "appid"}:
        return value if len(value) <= 12 else f"{value[:6]}…{value[-4:]}"
    if isinstance(value, (str, int)):
        return value
    return "…"


def _json(document: Mapping[str, Any]) -> Reply:
    return _reply(json.dumps(document, ensure_ascii=False).encode(), "application/json")


def _reply(
    body: bytes, kind: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> Reply:
    return Reply(body, status, kind, headers={**HEADERS, **(headers or {})})
