"""A browser comes back from WeChat: a code that is bound to it becomes a login, or a guest."""

from __future__ import annotations

from typing import NamedTuple

from wxauth.exceptions import NotRegistered
from wxauth.models import Login
from wxauth.types import App, Secret

from .entry import Device
from .exchange import exchange
from .signing_in import announcing_failure, sign_in


class Arrival(NamedTuple):
    """Who came, and their login; None: a guest."""

    openid: str
    login: Login | None


def log_in(*, app: App, code: Secret, device: Device, seconds: int, silent: bool) -> Arrival:
    """Log in the person who obtained this code in this browser, for so many seconds.

    ``silent``: they were not asked, so nobody becomes a user; a stranger is a guest.

    Raises what ``by_code.log_in`` raises, ``SnapshotUser`` and ``StaffRefused``.
    """
    with announcing_failure(app, device):
        session = exchange(app=app, code=code)
        try:
            done = sign_in(
                app=app,
                session=session,
                device=device,
                signup=not silent,
                seconds=seconds,
                browser=True,
            )
        except NotRegistered:
            if not silent:
                raise
            return Arrival(session.openid, None)
    return Arrival(session.openid, done.login)


def identify(*, app: App, code: Secret) -> str:
    """The openid of the person who obtained this code. Raises what ``exchange`` raises."""
    return exchange(app=app, code=code).openid
