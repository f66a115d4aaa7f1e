"""Who is counted against which limit."""

from __future__ import annotations

import ipaddress

from django.http import HttpRequest
from rest_framework.request import Request

from wxauth.models import Login
from wxauth.services.limits import Hit

from .device import get_address, get_peer

#: What one phone or household is given: within it, addresses cost nothing.
IPV6_PREFIX = 64
#: A peer that stands in for phones whose addresses cannot be read has so many times their limit:
#: a proxy that is not set as declared does not shut everybody out, nor let everything in.
STAND_IN = 10


def hit_of(request: Request, limit: str) -> Hit:
    """A request to be counted: of the person, from whatever device; without a token, of the
    address."""
    if isinstance(request.auth, Login):
        return Hit(limit, str(request.auth.person_id), appid=request.auth.appid)
    return hit_of_address(request, limit)


def hit_of_address(request: Request | HttpRequest, limit: str) -> Hit:
    """A request to be counted of whoever has this address."""
    address = get_address(request)
    if address is not None:
        return Hit(limit, _network(address))
    # A unix socket has no peer: whoever comes through it without an address is counted together.
    peer = get_peer(request)
    return Hit(limit, f"peer {_network(peer) if peer else ''}", times=STAND_IN)


def _network(address: str) -> str:
    parsed = ipaddress.ip_address(address)
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
