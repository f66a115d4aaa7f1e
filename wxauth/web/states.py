"""What a browser wants from WeChat, kept in its session under the state that WeChat brings back.

A state binds a code to the browser that asked for it: without one, whoever sends somebody the
address of a callback logs them in as himself. It is good once, for ten minutes, and removed before
the code is exchanged.
"""

from __future__ import annotations

import time
from dataclasses import astuple, dataclass
from typing import Any

from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.utils.crypto import get_random_string

from wxauth.types import Secret

KEY = "_wxauth_states"
#: Seconds.
LIFE = 600
#: Browsers have tabs.
MOST = 5
#: 190 bits. WeChat allows letters and digits only (protocol: H5 2.1).
LENGTH = 32


@dataclass(frozen=True)
class Wish:
    appid: str
    scope: str
    #: A path of this site.
    next: str
    #: The key of the user to link WeChat to, as text; empty: log in.
    user: str = ""


def put(session: SessionBase, wish: Wish) -> str:
    """The state of a new wish."""
    now = time.time()
    rows = {state: row for state, row in _rows(session).items() if row["until"] > now}
    for oldest in list(rows)[: max(0, len(rows) - MOST + 1)]:
        del rows[oldest]
    state = get_random_string(LENGTH)
    rows[state] = {"wish": astuple(wish), "until": int(now + LIFE), "used": False}
    session[KEY] = rows
    return state


def take(session: SessionBase, state: Secret) -> Wish | None:
    """What was wished for; None for a state that is unknown, expired or used.

    From now on it is used, whatever becomes of this request.
    """
    wish = _use(session, state.reveal())
    if wish is None:
        return None
    try:
        session.save()
    except UpdateError:
        # Logged out meanwhile, in another tab. Django would not save it at the end either.
        session.flush()
        return None
    return wish


def recall(session: SessionBase, state: Secret) -> Wish | None:
    """What was wished for under a state of this browser, used and old ones included."""
    row = _rows(session).get(state.reveal())
    return None if row is None else Wish(*row["wish"])


def _use(session: SessionBase, state: str) -> Wish | None:
    # Apart from what may fail: no traceback shows the states of this browser.
    rows = _rows(session)
    row = rows.get(state)
    if row is None or row["used"] or row["until"] <= time.time():
        return None
    session[KEY] = {**rows, state: {**row, "used": True}}
    return Wish(*row["wish"])


def _rows(session: SessionBase) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = session.get(KEY, {})
    return rows
