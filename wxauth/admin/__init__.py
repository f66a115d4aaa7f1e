"""Found by the admin's autodiscovery, and imported by nothing else: the admin is optional."""

from . import conflict, count, deletion, event, identity, login, merging, openid, person, traces

__all__ = [
    "conflict",
    "count",
    "deletion",
    "event",
    "identity",
    "login",
    "merging",
    "openid",
    "person",
    "traces",
]
