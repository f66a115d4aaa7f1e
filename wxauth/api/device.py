"""What a request says about the phone that sent it."""

from __future__ import annotations

import ipaddress
import logging
import math
import re
import time

from django.http import HttpRequest
from rest_framework.request import Request

from wxauth.conf import conf
from wxauth.services.login.entry import Device

logger = logging.getLogger("wxauth.proxies")

#: ``203.0.113.7:51234``, ``[2001:db8::7]:51234``: gateways that write the port as well.
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]+|\[([^]]*)\](?::[0-9]+)?")
#: Seconds between two warnings of one process.
_PAUSE = 3600
_warned = -math.inf


def get_device(request: Request) -> Device:
    return make_device(request._request)


def make_device(request: HttpRequest) -> Device:
    # Printable: PostgreSQL takes no NUL, and staff read it in the list of logins.
    agent = "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())
    return Device(user_agent=agent[:200], address=get_address(request), request=request)


def get_address(request: Request | HttpRequest) -> str | None:
    """The address of the client, or None where it cannot be read.

    Each trusted proxy appends the address it saw to X-Forwarded-For, so the client's is the n-th
    from the right; whatever stands left of it was written by the client and proves nothing. The
    peer of the server is no substitute: it is the proxy, and all phones would be one.
    """
    proxies = conf.TRUSTED_PROXIES
    if proxies > 0:
        hops = request.headers.get("X-Forwarded-For", "").rsplit(",", proxies)
        address = _parse(hops[-proxies]) if len(hops) >= proxies else None
    else:
        address = get_peer(request)
    if address is None:
        _warn(proxies)
    return address


def get_peer(request: Request | HttpRequest) -> str | None:
    """The address at the other end of the connection: the client's, or the last proxy's.

    None where the server does not say (a unix socket).
    """
    return _parse(request.META.get("REMOTE_ADDR", ""))


def _parse(text: str) -> str | None:
    text = text.strip(" \t")
    with_port = _WITH_PORT.fullmatch(text)
    if with_port:
        text = with_port[1] or with_port[2]
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    address, _percent, _zone = str(getattr(parsed, "ipv4_mapped", None) or parsed).partition("%")
    return address


def _warn(proxies: int) -> None:
    global _warned
    now = time.monotonic()
    if now - _warned < _PAUSE:
        return
    _warned = now
    logger.warning(
        "The address of a phone could not be read: TRUSTED_PROXIES is %d, but %s. Until this is "
        "mended, limits by address count everybody who comes this way together.",
        proxies,
        "X-Forwarded-For is missing, too short or malformed"
        if proxies
        else "the server tells no address of its peer",
    )
