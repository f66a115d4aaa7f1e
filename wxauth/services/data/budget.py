"""How often data of an openid may be refused, before there is nothing left to try on.

CBC has no integrity: whoever may try often enough forges. So the attempts are counted, under a
lock of the openid's row, and a session_key takes part in ten that fail. They are the key's, not the
login's: WeChat may hand out the same key at the next login, and at a hundred more (protocol 2). A
success in between gives nothing back, it would be the attacker's own; nor does a newer key give
anything to those before it.

A day after its first failure a key has its ten again. WeChat prolongs the keys of those who come
often, and whose client went astray once is not to wait for another key for weeks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connections, router
from django.db.models import F

from wxauth.models import FailedKey, Login, OpenId
from wxauth.types import Secret
from wxauth.wiring import get_lookup_key

from .session_keys import Candidate

BUDGET = 10
#: How long the failures of a key are remembered, from the first on.
MEMORY = timedelta(days=1)


@dataclass(frozen=True)
class Trial:
    """A key that may be tried, and how often that failed."""

    candidate: Candidate
    row: FailedKey


def lock(via: int) -> OpenId:
    """Let nobody else try data of this openid until the transaction is over."""
    # SQLite has no such lock and needs none: it lets one writer in at a time.
    openid: OpenId = OpenId.objects.select_for_update().get(pk=via)
    return openid


def admit(openid: OpenId, candidates: Sequence[Candidate], *, now: datetime) -> list[Trial]:
    """Those of a locked openid's keys that have not failed too often."""
    keys = {_digest(openid, candidate.key): candidate for candidate in candidates}
    failed = {row.digest: row for row in _failed(keys, now)}
    trials = [
        Trial(
            candidate,
            failed.get(digest) or FailedKey(digest=digest, failures=0, expires_at=now + MEMORY),
        )
        for digest, candidate in keys.items()
    ]
    return [trial for trial in trials if trial.row.failures < BUDGET]


def count(openid: OpenId, trials: Sequence[Trial]) -> bool:
    """Count one more failure of a locked openid, on each of these keys.

    True: that was the last one. None of the keys has anything left, and they are dropped.
    """
    OpenId.objects.filter(pk=openid.pk).update(failures=F("failures") + 1)
    rows = [trial.row for trial in trials]
    for row in rows:
        row.failures += 1
    # MySQL finds the conflict by itself, and does not want to be told of which column.
    features = connections[router.db_for_write(FailedKey)].features
    FailedKey.objects.bulk_create(
        rows,
        update_conflicts=True,
        update_fields=["failures", "expires_at"],
        unique_fields=["digest"] if features.supports_update_conflicts_with_target else None,
    )
    if any(row.failures < BUDGET for row in rows):
        return False
    keys = Login.objects.filter(via=openid.pk).exclude(sealed_session_key=None)
    keys.update(sealed_session_key=None)
    return True


def forgive(openid: OpenId, key: Secret | None, *, now: datetime) -> None:
    """Start anew: somebody logged in, and this is their key, unless it has failed before.

    Almost always there is nothing to forgive, and no statement. What is forgiven is what the staff
    see; the key itself, if it is the same again, has only what it had left.
    """
    if not openid.failures or key is None or _failed([_digest(openid, key)], now):
        return
    OpenId.objects.filter(pk=openid.pk).update(failures=0)


def _failed(digests: Iterable[str], now: datetime) -> list[FailedKey]:
    return list(FailedKey.objects.filter(digest__in=list(digests), expires_at__gt=now))


def _digest(openid: OpenId, key: Secret) -> str:
    # By openid, not by its row: whoever unlinks it and links it again has no other key.
    return get_lookup_key().digest(
        "failed key", json.dumps([openid.appid, openid.openid, key.reveal()])
    )
