"""Where the processes of a project share WeChat's access_token: one sealed row per app."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import TypeVar

from django.conf import settings
from django.db import connections, router
from django.db.models import Q
from django.utils import timezone as django_timezone

from . import database
from .crypto.keyring import Keyring, Unsealable
from .exceptions import DatabaseUnavailable
from .models import AccessToken
from .sealed import ACCESS_TOKEN
from .types import Secret
from .wechat.access_token import Stored

T = TypeVar("T")


class DatabaseAccessTokenStore:
    """The ``AccessTokenStore`` of ``wechat.access_token``.

    Inside somebody else's transaction nothing is written: the lease would lock its row until that
    transaction ends, with a call to WeChat in the middle. There whoever finds no token obtains one
    without the lease, which is harmless: WeChat gives the same token to all who ask (protocol 5).
    """

    def __init__(self, get_keyring: Callable[[], Keyring]) -> None:
        self._get_keyring = get_keyring

    def read(self, appid: str) -> Stored | None:
        row = _guarded(lambda: AccessToken.objects.filter(pk=appid).first())
        if row is None or row.expires_at is None or not row.sealed_token:
            return None
        try:
            token = ACCESS_TOKEN.open(self._get_keyring(), row)
        except Unsealable:
            # Of a key that is gone. The next one will be sealed with the newest.
            return Stored(Secret(""), 0.0, mark=row.sealed_token)
        return Stored(token, _to_seconds(row.expires_at), mark=row.sealed_token)

    def lease(self, appid: str, holder: str, known: Stored | None, seconds: float) -> bool:
        if _in_transaction():
            return True
        now = django_timezone.now()
        free = Q(leased_until=None) | Q(leased_until__lte=now)
        # Whoever looked before the newest token was there must not replace it.
        same = Q(sealed_token=known.mark if known else "")

        def take() -> bool:
            rows = AccessToken.objects.filter(free, same, pk=appid)
            lease = {"lease_holder": holder, "leased_until": now + timedelta(seconds=seconds)}
            if rows.update(**lease):
                return True
            if known is None:
                # The first time: there may be no row yet, or somebody may be making it now.
                AccessToken.objects.bulk_create([AccessToken(pk=appid)], ignore_conflicts=True)
                return bool(rows.update(**lease))
            return False

        return _guarded(take)

    def save(self, appid: str, holder: str, stored: Stored, *, release: bool) -> None:
        changes = self._seal(appid, stored)
        if release:
            changes |= {"lease_holder": "", "leased_until": None}
        self._write(appid, changes, lease_holder=holder)

    def release(self, appid: str, holder: str) -> None:
        changes = {"lease_holder": "", "leased_until": None}
        self._write(appid, changes, lease_holder=holder)

    def replace(self, appid: str, stored: Stored) -> None:
        changes = {**self._seal(appid, stored), "lease_holder": "", "leased_until": None}
        _guarded(
            lambda: AccessToken.objects.bulk_create([AccessToken(pk=appid)], ignore_conflicts=True)
        )
        self._write(appid, changes)

    def _seal(self, appid: str, stored: Stored) -> dict[str, object]:
        sealed = ACCESS_TOKEN.seal(self._get_keyring(), stored.token, row=appid)
        return {"sealed_token": sealed, "expires_at": _to_moment(stored.expires_at)}

    def _write(self, appid: str, changes: Mapping[str, object], **which: str) -> None:
        if not _in_transaction():
            _guarded(lambda: AccessToken.objects.filter(pk=appid, **which).update(**changes))


def _alias() -> str:
    return router.db_for_write(AccessToken)


def _in_transaction() -> bool:
    return connections[_alias()].in_atomic_block


def _guarded(ask: Callable[[], T]) -> T:
    """Ask the database, again where a connection had died or others were in the way."""
    with contextlib.suppress(*database.PASSING):
        return database.repeat(ask, using=_alias())
    # Without the error itself: its frames hold what was about to be sealed.
    raise DatabaseUnavailable("The database did not take the access_token.")


def _to_moment(seconds: float) -> datetime:
    moment = datetime.fromtimestamp(seconds, tz=timezone.utc)
    if settings.USE_TZ:
        return moment
    return django_timezone.make_naive(moment, django_timezone.get_default_timezone())


def _to_seconds(moment: datetime) -> float:
    if django_timezone.is_naive(moment):
        moment = django_timezone.make_aware(moment, django_timezone.get_default_timezone())
    return moment.timestamp()
