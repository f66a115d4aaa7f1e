"""What became of a request, told in three ways: a log line, a count, a signal.

The log line's fields are attributes of the record (``extra``), so that a JSON formatter writes
them out: ``outcome``, ``appid``, and what else is known. None of them is a secret, an openid or an
address. Told after commit.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.dispatch import Signal

from wxauth import signals
from wxauth.models import Login

from .counts import count

logger = logging.getLogger("wxauth.outcomes")


def login(login: Login, *, created: bool) -> None:
    """Somebody logged in. Its signals are ``login``'s own: ``logged_in`` and ``signed_up``."""
    _tell("login", login.appid, login=login.pk, new_user=created)
    if created:
        count(login.appid, "signup")


def data_opened(login: Login, position: str) -> None:
    """Encrypted or signed data was accepted, with the key in this position."""
    _tell(f"opened_{position}", login.appid, login=login.pk, position=position)
    _send(signals.data_opened, login=login, position=position)


def data_refused(login: Login) -> None:
    _tell("undecryptable", login.appid, login=login.pk)
    _send(signals.data_refused, login=login)


def budget_spent(login: Login) -> None:
    """Ten failures: the openid has no session_key any more."""
    _tell("budget_spent", login.appid, level=logging.WARNING, login=login.pk)
    _send(signals.budget_spent, login=login)


def code_reused(appid: str, shared: Login | None) -> None:
    """A code came a second time; ``shared`` is the login that its sender got all the same."""
    name = "code_used" if shared is None else "code_shared"
    _tell(name, appid, login=shared.pk if shared else None)
    _send(signals.code_reused, appid=appid, login=shared)


def limit_hit(limit: str, appid: str) -> None:
    _tell(f"limit_{limit}", appid, level=logging.WARNING, limit=limit)
    _send(signals.limit_hit, limit=limit, appid=appid)


def push_taken(appid: str, outcome: str, message: Mapping[str, Any]) -> None:
    """WeChat pushed a message. ``outcome``: ``push``, or ``push_unknown`` where it says something
    about a person whom nobody knows."""
    _tell(outcome, appid)
    _send(signals.push_received, appid=appid, message=message)


def push_repeated(appid: str) -> None:
    _tell("push_repeated", appid)


def push_refused(appid: str, reason: str) -> None:
    """``reason`` is told of messages of somebody who has the Token only; else it is empty."""
    _tell("push_refused", appid, level=logging.WARNING, reason=reason)


def _tell(outcome: str, appid: str, *, level: int = logging.INFO, **fields: Any) -> None:
    logger.log(level, "%s", outcome, extra={"outcome": outcome, "appid": appid, **fields})
    count(appid, outcome)


def _send(signal: Signal, **news: Any) -> None:
    signal.send_robust(sender=Login, **news)
