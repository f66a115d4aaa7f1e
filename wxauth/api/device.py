"""What a request says about the phone that sent it."""

from __future__ import annotations

import ipaddress

from rest_framework.request import Request

from wxauth.conf import conf
from wxauth.services.login import Device


def get_device(request: Request) -> Device:
    agent = "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())
    return Device(user_agent=agent[:200], address=get_address(request), request=request._request)


def get_address(request: Request) -> str | None:
    """The address of the client, or None where the server does not say (a unix socket).

    Each trusted proxy appends the address it saw to X-Forwarded-For, so the client's is the n-th
    from the right; whatever stands left of it was written by the client and proves nothing.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if conf.TRUSTED_PROXIES > 0:
        hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
        if len(hops) >= conf.TRUSTED_PROXIES:
            address = hops[-conf.TRUSTED_PROXIES]
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
