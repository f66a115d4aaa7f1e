"""The same code twice: a double tap, or a phone that gave up waiting and sent it again.

WeChat takes a code once. Who exchanges one claims it in the cache first; who comes second, from
the same device and within ten seconds, waits for the first and shares what came of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from wxauth.exceptions import CodeUsed
from wxauth.models import Login
from wxauth.types import App, Secret, Session
from wxauth.wiring import get_lookup_key

from . import history, outcomes, shared

#: Seconds that a claim lives.
LIFE = 10
#: Seconds that a second request waits for the first, and between two looks: more and more.
PATIENCE = 2.0
FIRST_LOOK, LAST_LOOK = 0.02, 0.25
#: The value of a claim whose login is not there yet.
PENDING = 0


@dataclass
class Claim:
    #: What the first exchange of this code yielded; None where this is the first.
    session: Session | None = None
    #: What came of the code, to be set by the first.
    login: Login | None = None


@contextmanager
def claim(*, app: App, code: Secret, address: str | None, user_agent: str) -> Iterator[Claim]:
    """Let nobody else exchange this code meanwhile, or share what somebody else's exchange gave.

    Raises ``CodeUsed`` where there is nothing to share: the first request failed, or takes too
    long. A request from another device has another claim, and WeChat refuses its code.
    """
    if address is None:
        yield Claim()  # Phones that cannot be told apart share nothing.
        return
    key = _key(app.appid, code, address, user_agent)
    try:
        ours = shared.add(key, PENDING, LIFE)
    except shared.CacheGone:
        yield Claim()  # WeChat itself refuses the second.
        return
    if not ours:
        yield _share(key, app)
        return
    mine = Claim()
    try:
        yield mine
    finally:
        with suppress(shared.CacheGone):
            if mine.login is not None:
                shared.put(key, mine.login.pk, LIFE)
            else:
                # WeChat may not have taken the code: the next request asks it.
                shared.forget(key)


def _key(appid: str, code: Secret, address: str, user_agent: str) -> str:
    # A keyed hash: until WeChat has taken the code, it lets its finder in.
    return "wxauth:claim:" + get_lookup_key().digest(
        "claim", json.dumps([appid, code.reveal(), address, user_agent])
    )


def _share(key: str, app: App) -> Claim:
    login = _wait(key)
    session_key = history.unseal(login) if login else None
    if login is None or session_key is None:
        raise CodeUsed("This code was exchanged before.")
    outcomes.code_reused(app.appid, login)
    return Claim(Session(openid=login.openid, session_key=session_key))


def _wait(key: str) -> Login | None:
    until = time.monotonic() + PATIENCE
    look = FIRST_LOOK
    with suppress(shared.CacheGone):
        while (pk := shared.get(key)) == PENDING and time.monotonic() < until:
            time.sleep(look)
            look = min(2 * look, LAST_LOOK)
        if pk:
            found = Login.objects.select_related("via").filter(pk=pk, revoked_at=None)
            login: Login | None = found.first()
            return login
    return None
