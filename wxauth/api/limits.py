"""Who is counted against which limit."""

from __future__ import annotations

import ipaddress

from rest_framework.request import Request

from wxauth.models import Login
from wxauth.services import limits

from .device import get_address

#: What one phone or household is given: within it, addresses cost nothing.
IPV6_PREFIX = 64


def count(request: Request, limit: str) -> None:
    """Count a request: of the person, from whatever device; without a token, of the address.

    Raises ``RateLimited``.
    """
    if isinstance(request.auth, Login):
        limits.hit(limit, str(request.auth.person_id), appid=request.auth.appid)
        return
    address = get_address(request)
    # A server behind a unix socket that trusts no proxy knows no address: one count for everybody
    # would shut everybody out.
    if address is not None:
        limits.hit(limit, _network(address))


def _network(address: str) -> str:
    parsed = ipaddress.ip_address(address)
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
