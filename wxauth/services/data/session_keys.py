"""The session_keys of an openid, and which of them data on its way may be encrypted with.

At any moment a person has one valid session_key in an app, but the data is older than the moment:
it may be encrypted with the key before, with that of another device, or with that of a login whose
answer was overtaken by the next one's (protocol 2.3).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from wxauth.conf import conf
from wxauth.crypto.keyring import Unsealable
from wxauth.managers import LoginQuerySet
from wxauth.models import Login
from wxauth.sealed import SESSION_KEY
from wxauth.types import Secret
from wxauth.wiring import get_keyring

logger = logging.getLogger("wxauth.payloads")

#: Keys that are tried. Each is work that anybody with a token can ask for.
TRIED = 3
#: Logins that are looked at: more than this within the window are a loop in somebody's client.
READ = 20
#: How long a superseded key is of use where the age of data does not matter.
DAY = 24 * 3600


@dataclass(frozen=True)
class Candidate:
    key: Secret = field(repr=False)
    #: ``own``: of the caller's login; ``newest`` of the openid; ``superseded`` by a newer one.
    position: str


def find(*, login: Login, now: datetime) -> list[Candidate]:
    """The keys to try, distinct, in this order: the caller's own, the newest, the latest others.

    Of unrevoked logins only; the others were superseded no longer ago than data may be old.
    """
    candidates: list[Candidate] = []
    found = list(_read(login=login, now=now))
    for candidate in sorted(found, key=lambda candidate: candidate.position != "own"):
        if not any(candidate.key.matches(other.key) for other in candidates):
            candidates.append(candidate)
    return candidates[:TRIED]


def newest(via: int) -> tuple[Login, Secret] | None:
    """The newest unrevoked login of an openid that has a session_key, and the key."""
    for login in _usable(via).order_by("-created_at", "-pk")[:1]:
        key = unseal(login)
        if key is not None:
            return login, key
    return None


def replace(via: int, login: Login, key: Secret | None) -> None:
    """Forget every session_key of an openid; this one takes their place, in this login."""
    _usable(via).update(sealed_session_key=None)
    if key is not None:
        Login.objects.filter(pk=login.pk, revoked_at=None).update(
            sealed_session_key=seal(key, login.digest)
        )


def seal(key: Secret, digest: str) -> str:
    """For the login with this token digest."""
    return SESSION_KEY.seal(get_keyring(), key, row=digest)


def unseal(login: Login) -> Secret | None:
    """The session_key of this login, or None if there is none, or none that can be read."""
    if login.sealed_session_key is None:
        return None
    try:
        return SESSION_KEY.open(get_keyring(), login)
    except Unsealable:
        # For the person it is as good as lost; the operator must know that a key is gone.
        logger.error(
            "The session_key of login %s cannot be unsealed with the configured keys.", login.pk
        )
        return None


def _read(*, login: Login, now: datetime) -> Iterator[Candidate]:
    oldest = now - timedelta(seconds=conf.DATA_MAX_AGE or DAY)
    newer: Secret | None = None
    newer_since = superseded_at = None
    for row in _rows(login):
        key = unseal(row)
        if key is None:
            continue
        if newer is not None and not newer.matches(key):
            superseded_at = newer_since
        newer, newer_since = key, row.created_at
        if row.pk == login.pk:
            yield Candidate(key, "own")
        elif superseded_at is None:
            yield Candidate(key, "newest")
        elif superseded_at >= oldest:
            yield Candidate(key, "superseded")


def _rows(login: Login) -> list[Login]:
    """The newest logins of the openid that have a key, and the caller's, however old that is."""
    usable = _usable(login.via_id).filter(person=login.person_id)
    rows = list(usable.order_by("-created_at", "-pk")[:READ])
    if len(rows) == READ and all(row.pk != login.pk for row in rows):
        rows += usable.filter(pk=login.pk)
    return rows


def _usable(via: int) -> LoginQuerySet:
    found: LoginQuerySet = (
        Login.objects.filter(via=via, revoked_at=None)
        .exclude(sealed_session_key=None)
        .only("digest", "sealed_session_key", "created_at")
    )
    return found
