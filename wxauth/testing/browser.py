"""WeChat's browser on the simulated phone.

A frame has neither WeChat's User-Agent nor cookies of its own, and Django lets nobody frame its
pages. So the phone's frame opens this instead, at a port of its own: it passes everything on to the
project under the name of WeChat's browser, with the cookies of the phone, which stay here. Where
the project sends the browser to WeChat, the fake's page is shown to the person with the phone.

Which phone that is the phone's page says in a cookie: the ports of a host share theirs.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlsplit

from .consent import PREFIX as CONNECT
from .fake import FakeWeChat
from .faults import Reply
from .page import Request, ask_project, bad_gateway, get_host, read_address

COOKIE = re.compile(r"(?:^|;\s*)wxauth_phone=([^;]*)")
PASSED_ON = ("accept", "content-type", "host", "origin", "referer", "x-csrftoken")
PASSED_BACK = ("Cache-Control", "Content-Language", "Content-Security-Policy", "Referrer-Policy")
AGENT = (
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/130.0 Mobile Safari/537.36 MicroMessenger/8.0 (phone {device})"
)


@dataclass(frozen=True)
class Phone:
    person: str
    device: str


class PhoneBrowser:
    """Answers the frame's requests. ``backend`` is the project's base URL (http)."""

    def __init__(self, fake: FakeWeChat, *, backend: str) -> None:
        self._fake = fake
        self._address = read_address(backend)
        self._cookies: dict[Phone, dict[str, str]] = {}
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        fake, said = self._fake, _read(request.headers)
        person = said.get("person", "")
        phone = Phone(
            person if person in fake.people else fake.person().name,
            "2" if said.get("device") == "2" else "1",
        )
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        headers["user-agent"] = AGENT.format(device=phone.device)
        # The page can be switched to another language than the real browser's.
        headers["accept-language"] = "en" if said.get("language") == "en" else "zh-CN"
        if urlsplit(request.target).path.startswith(CONNECT):
            reply = fake.connect(request.target, headers, owner=phone.person)
        else:
            reply = self._pass_on(request, headers, phone)
        return _for_the_frame(reply, request)

    def _pass_on(self, request: Request, headers: dict[str, str], phone: Phone) -> Reply:
        with self._lock:
            kept = self._cookies.setdefault(phone, {})
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in kept.items())
        got = ask_project(self._address, request, request.target, headers)
        if got is None:
            return bad_gateway()
        with self._lock:
            for line in got.headers.get_all("Set-Cookie", []):
                _keep(kept, line)
        kind = got.headers.get("Content-Type", "text/plain")
        passed = {name: value for name in PASSED_BACK if (value := got.headers.get(name))}
        to = _stay_here(got.headers.get("Location"))
        return Reply(got.body, got.status, kind, location=to, headers=passed)


def _read(headers: Mapping[str, str]) -> dict[str, str]:
    found = COOKIE.search(headers.get("cookie", ""))
    return dict(parse_qsl(found[1])) if found else {}


def _keep(kept: dict[str, str], line: str) -> None:
    cookies = SimpleCookie()
    try:
        cookies.load(line)
    except CookieError:
        return
    for name, cookie in cookies.items():
        if cookie["max-age"] == "0":
            kept.pop(name, None)
        else:
            kept[name] = cookie.coded_value


def _stay_here(location: str | None) -> str | None:
    """WeChat's page is opened in this browser, wherever the project takes WeChat to be."""
    if location is None:
        return None
    parts = urlsplit(location)
    if not parts.path.startswith(CONNECT):
        return location
    return parts._replace(scheme="", netloc="").geturl()


def _for_the_frame(reply: Reply, request: Request) -> Reply:
    """May be framed by the phone's page, which has the same host, and by nobody else."""
    policies = (
        reply.headers.get("Content-Security-Policy"),
        f"frame-ancestors {get_host(request)}:*",
    )
    policy = ", ".join(filter(None, policies))
    return replace(reply, headers={**reply.headers, "Content-Security-Policy": policy})
