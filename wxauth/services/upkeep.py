"""Upkeep of the store: what is over goes; what an old key sealed is sealed with the newest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count
from django.utils import timezone

from wxauth.crypto.keyring import Keyring, Unsealable
from wxauth.models import FailedKey, Login, SpentData
from wxauth.sealed import SEALED_COLUMNS, SealedColumn
from wxauth.services import transactions
from wxauth.wiring import get_keyring

BATCH = 5_000
#: More live logins than this of one openid are a loop in somebody's client, or a stolen code.
LIVE_LOGINS = 20


@dataclass
class Cleared:
    expired: int = 0
    ended: int = 0
    #: Marks of used data that is too old to be used again anyway, and of keys that failed.
    spent: int = 0


def clear_expired(*, batch: int = BATCH) -> Cleared:
    """Delete what has expired, and end the oldest beyond 20 live logins of an openid.

    At most ``batch`` rows a transaction, so that no lock is held for long.
    """
    now = timezone.now()
    cleared = Cleared()
    while deleted := transactions.run(lambda: _delete_expired(Login, now, batch)):
        cleared.expired += deleted
    while deleted := transactions.run(lambda: _delete_expired(SpentData, now, batch)):
        cleared.spent += deleted
    while deleted := transactions.run(lambda: _delete_expired(FailedKey, now, batch)):
        cleared.spent += deleted
    crowded = (
        Login.objects.live(now)
        .values_list("via")
        .annotate(count=Count("pk"))
        .filter(count__gt=LIVE_LOGINS)
        .order_by("via")
        .values_list("via", flat=True)
    )
    for via in list(crowded):
        while ended := transactions.run(lambda via=via: _end_surplus(via, now, batch)):  # type: ignore[misc]
            cleared.ended += ended
    return cleared


def _delete_expired(model: type[Login | SpentData | FailedKey], now: datetime, batch: int) -> int:
    rows = model._default_manager
    # The keys first, then the rows: MySQL knows no LIMIT in a subquery of DELETE.
    expired = rows.filter(expires_at__lte=now).order_by("expires_at")
    keys = list(expired.values_list("pk", flat=True)[:batch])
    deleted: int = rows.filter(pk__in=keys).delete()[0]
    return deleted


def _end_surplus(via: int, now: datetime, batch: int) -> int:
    newest_first = Login.objects.live(now).filter(via=via).order_by("-created_at", "-pk")
    surplus = list(newest_first.values_list("pk", flat=True)[LIVE_LOGINS : LIVE_LOGINS + batch])
    if not surplus:
        return 0
    ended: int = Login.objects.filter(pk__in=surplus).revoke(now)
    return ended


@dataclass
class Resealed:
    """What one pass over one column did; added up batch by batch."""

    resealed: int = 0
    #: Rows that none of the configured keys opens: their key is gone.
    unreadable: int = 0
    #: Rows that changed under our hands; whoever changed them sealed with the newest key.
    overtaken: int = 0


def reseal(*, batch: int = BATCH) -> Iterator[tuple[str, Resealed]]:
    """Seal everything with the newest key, yielding the column and its sums after each batch.

    By primary key, in batches of at most ``batch`` rows. A row is written only where its old
    ciphertext still stands, so logins go on meanwhile; whoever stops this in the middle starts it
    again, and what was resealed is passed over.
    """
    keyring = get_keyring()
    for column in SEALED_COLUMNS:
        yield from _reseal_column(keyring, column, batch)


def _reseal_column(
    keyring: Keyring, column: SealedColumn, batch: int
) -> Iterator[tuple[str, Resealed]]:
    name, everything = column.column, column.model._default_manager
    sums = Resealed()
    last_pk = None
    while True:
        old = (
            everything.exclude(**{name: None})
            .exclude(**{name: ""})
            .exclude(**{f"{name}__startswith": keyring.prefix})
        )
        if last_pk is not None:
            old = old.filter(pk__gt=last_pk)
        rows = list(old.order_by("pk").only("pk", name, column.row)[:batch])
        if not rows:
            return
        for row in rows:
            last_pk = row.pk
            try:
                text = column.open(keyring, row)
            except Unsealable:
                sums.unreadable += 1
                continue
            untouched = everything.filter(**{"pk": row.pk, name: getattr(row, name)})
            sealed = column.seal(keyring, text, row=getattr(row, column.row))
            if untouched.update(**{name: sealed}):
                sums.resealed += 1
            else:
                sums.overtaken += 1
        yield str(column), sums
