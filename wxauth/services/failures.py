"""How often data of an openid may be refused, before there is nothing left to try on.

CBC has no integrity: whoever may try often enough forges. So the attempts since the last login
are counted, under a lock of the openid's row, and after ten the session_keys are dropped. A
success in between gives nothing back: it would be the attacker's own.
"""

from __future__ import annotations

from django.db.models import F

from wxauth.models import Login, OpenId

BUDGET = 10


def lock(via: int) -> OpenId:
    """Let nobody else try data of this openid until the transaction is over."""
    # SQLite has no such lock and needs none: it lets one writer in at a time.
    openid: OpenId = OpenId.objects.select_for_update().get(pk=via)
    return openid


def count(openid: OpenId) -> bool:
    """Count one more failure of a locked openid. True: that was the last one."""
    rows = OpenId.objects.filter(pk=openid.pk)
    rows.update(failures=F("failures") + 1)
    if openid.failures + 1 < BUDGET:
        return False
    keys = Login.objects.filter(via=openid.pk).exclude(sealed_session_key=None)
    keys.update(sealed_session_key=None)
    return True


def forgive(openid: OpenId) -> None:
    """Start anew: somebody logged in. Almost always there is nothing to forgive, and no write."""
    if openid.failures:
        OpenId.objects.filter(pk=openid.pk).update(failures=0)
