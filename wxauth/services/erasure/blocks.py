"""Whoever was blocked does not lose the block by being erased.

What is remembered of them is a keyed hash for each openid and unionid, for a while. It says that
somebody with this id was blocked, to whoever brings the id; it says nothing to anybody else.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime, timedelta

from django.utils import timezone

from wxauth.conf import conf
from wxauth.models import Identity, OpenId, RememberedBlock
from wxauth.types import App, Session
from wxauth.wiring import get_lookup_key


def remember(*, identities: Collection[Identity], openids: Collection[OpenId]) -> None:
    """Part of the transaction in which these ids go."""
    expires_at = timezone.now() + timedelta(days=conf.RETENTION["blocks"])
    digests = {_digest("openid", row.appid, row.openid) for row in openids}
    digests |= {
        _digest("unionid", row.platform, row.unionid)
        for row in identities
        if row.unionid is not None
    }
    # One that is there is of somebody who was erased before: it begins anew.
    RememberedBlock.objects.filter(pk__in=digests).delete()
    RememberedBlock.objects.bulk_create(
        RememberedBlock(digest=digest, expires_at=expires_at) for digest in sorted(digests)
    )


def was_blocked(*, app: App, session: Session, now: datetime) -> bool:
    """Whether this stranger is somebody who was blocked and erased. One statement."""
    digests = [_digest("openid", app.appid, session.openid)]
    if session.unionid is not None:
        digests.append(_digest("unionid", app.platform, session.unionid))
    return RememberedBlock.objects.filter(pk__in=digests, expires_at__gt=now).exists()


def _digest(kind: str, scope: str, name: str) -> str:
    return get_lookup_key().digest("block", json.dumps([kind, scope, name]))
