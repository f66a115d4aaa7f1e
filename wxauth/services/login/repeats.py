"""The same login code twice: a double tap, or a phone that gave up waiting and sent it again.

Who exchanges a code claims it first; who comes second, from the same device and within ten
seconds, shares the login that came of it.

The cache says which login that is, and is not believed: the number is signed for this code in this
app from this device, and the login itself says that it is young and has not ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from wxauth.exceptions import CodeUsed
from wxauth.models import Login
from wxauth.services import claims
from wxauth.services.data import session_keys
from wxauth.services.journal import outcomes
from wxauth.services.limits import Hit
from wxauth.types import App, Kind, Secret, Session
from wxauth.wiring import get_lookup_key


@dataclass
class Claim:
    #: What the first exchange of this code yielded; None where this is the first.
    session: Session | None = None
    #: What came of the code, to be set by the first.
    login: Login | None = None
    #: Whether that login made the user: set by the first, read by the others.
    created: bool = False


@contextmanager
def claim(
    *, app: App, code: Secret, address: str | None, user_agent: str, hit: Hit | None = None
) -> Iterator[Claim]:
    """Let nobody else exchange this code meanwhile, or share what somebody else's exchange gave.

    ``hit`` is counted on the same way to the cache.

    Raises ``RateLimited``, and ``CodeUsed`` where there is nothing to share: the first request
    failed, or takes too long. A request from another device has another claim, and WeChat refuses
    its code.
    """
    if address is None:
        if hit is not None:
            hit.count()
        yield Claim()  # Phones that cannot be told apart share nothing.
        return
    with claims.claim(_key(app.appid, code, address, user_agent), hit) as taken:
        if not taken.ours:
            yield _share(taken.number, app)
            return
        mine = Claim()
        try:
            yield mine
        finally:
            if mine.login is not None:
                taken.number = 2 * mine.login.pk + mine.created


def _key(appid: str, code: Secret, address: str, user_agent: str) -> str:
    # A keyed hash: until WeChat has taken the code, it lets its finder in.
    return "wxauth:claim:" + get_lookup_key().digest(
        "claim", json.dumps([appid, code.reveal(), address, user_agent])
    )


def _share(number: int | None, app: App) -> Claim:
    pk, created = divmod(number or 0, 2)
    login = _find(pk) if pk else None
    session_key = session_keys.unseal(login) if login else None
    # One whose key is gone would be a login that reads nothing; other kinds of apps have none.
    if login is None or (session_key is None and app.kind is Kind.MINIPROGRAM):
        raise CodeUsed("This code was exchanged before.")
    outcomes.code_reused(app.appid, login)
    session = Session(openid=login.openid, session_key=session_key)
    return Claim(session, created=bool(created))


def _find(pk: int) -> Login | None:
    # By its own clock: whoever writes to the cache can keep a claim there for ever.
    oldest = timezone.now() - timedelta(seconds=claims.LIFE)
    found = Login.objects.filter(pk=pk, revoked_at=None, created_at__gt=oldest)
    login: Login | None = found.select_related("via").first()
    return login
