"""Upkeep of the store: what is over goes; what an old key sealed is sealed with the newest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connections, router
from django.db.models import Count, QuerySet
from django.utils import timezone

from wxauth.conf import conf
from wxauth.crypto.keyring import Keyring, Unsealable
from wxauth.models import Event, FailedKey, Login, RememberedBlock, SpentData
from wxauth.sealed import SEALED_COLUMNS, SealedColumn
from wxauth.services import transactions
from wxauth.wiring import get_keyring

BATCH = 5_000
#: Rows that are sealed anew in one transaction: whoever wants to write one of them waits for it.
RESEALED = 1_000
#: More live logins than this of one openid are a loop in somebody's client, or a stolen code.
LIVE_LOGINS = 20


@dataclass
class Cleared:
    #: Logins that ended so long ago that they go.
    expired: int = 0
    #: Of logins that expired meanwhile: they are kept for a while, and what opens data is not.
    session_keys: int = 0
    ended: int = 0
    #: Marks of used data that is too old to be used again anyway, and of keys that failed.
    spent: int = 0
    events: int = 0
    blocks: int = 0


def clear_expired(*, batch: int = BATCH) -> Cleared:
    """Delete what has been kept long enough, and end the oldest beyond 20 live logins of an openid.

    At most ``batch`` rows a transaction, so that no lock is held for long. Whoever stops this in
    the middle starts it again, and finds what is left.
    """
    now = timezone.now()
    cleared = Cleared()
    over = now - timedelta(days=conf.RETENTION["logins"])
    while deleted := transactions.run(lambda: _delete_expired(Login, over, batch)):
        cleared.expired += deleted
    reached: datetime | None = None
    while forgotten := transactions.run(partial(_forget_session_keys, now, reached, batch)):
        count, reached = forgotten
        cleared.session_keys += count
    while deleted := transactions.run(lambda: _delete_expired(SpentData, now, batch)):
        cleared.spent += deleted
    while deleted := transactions.run(lambda: _delete_expired(FailedKey, now, batch)):
        cleared.spent += deleted
    while deleted := transactions.run(lambda: _delete_expired(RememberedBlock, now, batch)):
        cleared.blocks += deleted
    past = now - timedelta(days=conf.RETENTION["events"])
    while deleted := transactions.run(lambda: _delete_events(past, batch)):
        cleared.events += deleted
    for via in _find_crowded(now, batch):
        while ended := transactions.run(lambda via=via: _end_surplus(via, now, batch)):  # type: ignore[misc]
            cleared.ended += ended
    return cleared


def _delete_expired(
    model: type[Login | SpentData | FailedKey | RememberedBlock], now: datetime, batch: int
) -> int:
    rows = model._default_manager
    # The keys first, then the rows: MySQL knows no LIMIT in a subquery of DELETE.
    expired = rows.filter(expires_at__lte=now).order_by("expires_at")
    keys = list(expired.values_list("pk", flat=True)[:batch])
    deleted: int = rows.filter(pk__in=keys).delete()[0]
    return deleted


def _forget_session_keys(
    now: datetime, reached: datetime | None, batch: int
) -> tuple[int, datetime] | None:
    """Of logins that have expired: how many, and up to which moment. None: of all of them."""
    expired = Login.objects.filter(expires_at__lte=now, sealed_session_key__isnull=False)
    if reached is not None:  # Those before have none any more, and need not be looked at again.
        expired = expired.filter(expires_at__gte=reached)
    rows = list(expired.order_by("expires_at").values_list("pk", "expires_at")[:batch])
    if not rows:
        return None
    keys, moments = zip(*rows, strict=True)
    return Login.objects.filter(pk__in=keys).update(sealed_session_key=None), moments[-1]


def _delete_events(past: datetime, batch: int) -> int:
    # In the order in which they were written, which needs no index: none before the first one
    # that is young enough is missed.
    oldest = Event.objects.order_by("pk").values_list("pk", "created_at")[:batch]
    keys = [key for key, created_at in oldest if created_at <= past]
    # The one way past those who are told that events are not deleted.
    deleted: int = Event.objects.filter(pk__in=keys)._raw_delete(router.db_for_write(Event))
    return deleted


def _find_crowded(now: datetime, batch: int) -> Iterator[int]:
    """The openids with more live logins than are good.

    All logins are counted first, which an index does without their rows, and live ones only where
    there are many at all.
    """
    candidates = _count_by_openid(Login.objects.all())
    for start in range(0, len(candidates), batch):
        page = candidates[start : start + batch]
        yield from _count_by_openid(Login.objects.live(now).filter(via__in=page))


def _count_by_openid(logins: QuerySet[Login]) -> list[int]:
    """Those that have more than ``LIVE_LOGINS`` of these."""
    counted = logins.values("via").annotate(count=Count("*")).filter(count__gt=LIVE_LOGINS)
    return list(counted.order_by("via").values_list("via", flat=True))


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


def reseal(*, batch: int = RESEALED) -> Iterator[tuple[str, Resealed]]:
    """Seal everything with the newest key, yielding the column and its sums after each batch.

    By primary key, in transactions of at most ``batch`` rows. A row is written only where its old
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
        rows = list(old.order_by("pk").values_list("pk", name, column.row)[:batch])
        if not rows:
            return
        changes = []
        for last_pk, sealed, row in rows:
            with suppress(Unsealable):
                text = column.unseal(keyring, sealed, row=row)
                changes.append((last_pk, sealed, column.seal(keyring, text, row=row)))
        resealed = transactions.run(partial(_replace, column, changes)) if changes else 0
        sums.unreadable += len(rows) - len(changes)
        sums.resealed += resealed
        sums.overtaken += len(changes) - resealed
        yield str(column), sums


def _replace(column: SealedColumn, changes: Sequence[tuple[Any, str, str]]) -> int:
    """Primary key, old and new ciphertext of each row; how many had the old one still.

    In SQL: the ORM takes longer to say one such UPDATE than the database to do it, and has no way
    to say a thousand of them at once.
    """
    connection: Any = connections[router.db_for_write(column.model)]
    meta: Any = column.model._meta
    names = (meta.db_table, meta.get_field(column.column).column, meta.pk.column)
    table, sealed, key = map(connection.ops.quote_name, names)
    statement = f"UPDATE {table} SET {sealed} = %s WHERE {key} = %s AND {sealed} = %s"  # noqa: S608
    rows = [(new, meta.pk.get_db_prep_value(pk, connection), old) for pk, old, new in changes]
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)
        return int(cursor.rowcount)
