"""Encrypted and signed data of the phone, opened with the session_keys of the caller's openid.

Decrypted data says nothing about who somebody is: CBC has no integrity, so whoever controls ``iv``
controls the first bytes. It fills in the profile of the person who is logged in already.

An endpoint that decrypts is an oracle for whoever wants to forge. So every failure is one and the
same: one error, the same statements, the same work, each counted against the keys' budget.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.utils import timezone

from wxauth.conf import conf
from wxauth.crypto import payload
from wxauth.exceptions import SessionKeyMissing, Undecryptable, WxauthError
from wxauth.models import Login
from wxauth.services import transactions
from wxauth.services.journal import outcomes
from wxauth.types import Secret

from . import budget, replay, session_keys

#: What marks data about a person, as opposed to steps or group ids: it needs its watermark always.
_PERSONAL = ("openId", "nickName", "purePhoneNumber", "phoneNumber")


@dataclass(frozen=True)
class Opened:
    """A JSON object that may hold a phone number: its repr is not one for a traceback."""

    data: dict[str, Any] = field(repr=False)


Read = Callable[[Secret], "Opened | None"]
Keep = Callable[[Opened], None]


@dataclass(frozen=True)
class _Outcome:
    opened: Opened | None = None
    #: Which of the keys fitted.
    position: str = ""
    #: Why there is nothing; returned, not raised, because the count has to be committed.
    error: WxauthError | None = None
    #: That failure was the last one.
    exhausted: bool = False


@dataclass
class _Use:
    """What is done with opened data, once."""

    keep: Keep
    #: What it is remembered by; None where it may be used again.
    digest: str | None = None
    #: It is no failure that it was used before: by the twin of this request, or by the first
    #: telling of this story, whose COMMIT was not heard of.
    again: bool = False


def open_data(
    *,
    login: Login,
    encrypted_data: str,
    iv: str,
    raw_data: str | None = None,
    signature: str | None = None,
    wanted: Callable[[dict[str, Any]], bool] = lambda data: True,
    keep: Keep = lambda opened: None,
    again: bool = False,
) -> dict[str, Any]:
    """The JSON object inside ``encryptedData``, for one use.

    ``raw_data`` and ``signature``, if given, must have met the same session_key. ``wanted`` says
    whether it is data of the right kind: another kind is refused like rubbish, because a forger
    would learn that it opened. ``keep`` stores it, in the transaction that uses it up. ``again``:
    a request that came twice; what its twin has used up is no failure, and is not kept again.

    Raises ``SessionKeyMissing``, what ``keep`` raises, and ``Undecryptable`` for everything that
    is not acceptable: base64, key, padding, UTF-8, JSON, kind, watermark, age, somebody else's
    openId, used before.
    """
    sent = _parse(encrypted_data, iv)

    def read(key: Secret) -> Opened | None:
        if sent is None:
            return None  # Without AES: the sender knows as well as we do that it is not base64.
        signed = (
            raw_data is None
            or signature is None
            or payload.raw_data_matches(raw_data, signature, key)
        )
        opened = _decrypt(login, sent, key)
        return opened if opened is not None and signed and wanted(opened.data) else None

    digest = replay.digest(login, sent) if conf.DATA_MAX_AGE else None
    return _settle(login, partial(_attempt, login, read, _Use(keep, digest, again)))


def open_raw_data(
    *, login: Login, raw_data: str, signature: str, keep: Keep = lambda opened: None
) -> dict[str, Any]:
    """The JSON object in ``rawData``, whose signature shows that it met a session_key of ours.

    Nothing in it says when: it may be used again. Raises ``SessionKeyMissing``, ``Undecryptable``
    and what ``keep`` raises.
    """
    opened = _read_raw_data(raw_data)

    def read(key: Secret) -> Opened | None:
        return opened if payload.raw_data_matches(raw_data, signature, key) else None

    return _settle(login, partial(_attempt, login, read, _Use(keep)))


def _settle(login: Login, attempt: Callable[[], _Outcome]) -> dict[str, Any]:
    outcome = transactions.run(attempt)
    if outcome.exhausted:
        outcomes.budget_spent(login)
    if outcome.opened is None:
        error = outcome.error or Undecryptable()
        if isinstance(error, Undecryptable):
            outcomes.data_refused(login)
        raise error
    outcomes.data_opened(login, outcome.position)
    return outcome.opened.data


def _attempt(login: Login, read: Read, use: _Use) -> _Outcome:
    """One attempt, alone with this openid: those that come together are judged one by one."""
    openid = budget.lock(login.via_id)
    now = timezone.now()
    trials = budget.admit(openid, session_keys.find(login=login, now=now), now=now)
    if not trials:
        return _Outcome(error=SessionKeyMissing("There is no usable session_key."))
    spent = use.digest is not None and replay.is_spent(use.digest)
    # Every key, to the end, whether one fitted or not: how far an attempt came must not show.
    candidates = [trial.candidate for trial in trials]
    found = [(read(candidate.key), candidate.position) for candidate in candidates]
    opened, position = next(((o, p) for o, p in found if o is not None), (None, ""))
    if opened is None or (spent and not use.again):
        return _Outcome(error=Undecryptable(), exhausted=budget.count(openid, trials))
    if not spent:
        if use.digest is not None:
            replay.spend(use.digest, now=now, seconds=_freshness(opened))
        use.keep(opened)
        use.again = True
    return _Outcome(opened, position)


def _read_raw_data(raw_data: str) -> Opened | None:
    with contextlib.suppress(ValueError):
        return Opened(payload.read_object(raw_data))
    return None


def _parse(encrypted_data: str, iv: str) -> payload.Encrypted | None:
    with contextlib.suppress(Undecryptable):
        return payload.parse(encrypted_data, iv)
    return None


def _decrypt(login: Login, sent: payload.Encrypted, key: Secret) -> Opened | None:
    with contextlib.suppress(Undecryptable):
        opened = Opened(payload.decrypt(sent, key))
        payload.check_watermark(
            opened.data,
            appid=login.appid,
            required=conf.REQUIRE_WATERMARK or any(name in opened.data for name in _PERSONAL),
            max_age=conf.DATA_MAX_AGE,
            now=time.time(),
        )
        if opened.data.get("openId", login.openid) == login.openid:
            return opened
    return None


def _freshness(opened: Opened) -> float:
    """For how many seconds this data could still pass for fresh."""
    watermark = opened.data.get("watermark")
    made = watermark["timestamp"] if watermark else time.time()
    return float(made + conf.DATA_MAX_AGE - time.time())
