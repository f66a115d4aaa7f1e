"""One access_token per app, shared by all processes, obtained by one of them (protocol 5).

The store keeps it; a lease in the store says who obtains the next one. Meanwhile everybody else
goes on with the old one, which WeChat takes for as long as it lives. Nobody waits unless there is
no token at all, and then not for long.
"""

from __future__ import annotations

import contextlib
import random
import secrets
import threading
import time
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, field
from typing import Protocol

from wxauth.exceptions import DatabaseUnavailable, WeChatUnavailable
from wxauth.types import Secret

#: Seconds before its end from which a process looks into the store for a newer token.
FORGET = 300
#: Seconds before its end at which the next token is obtained. WeChat gives another one from 300
#: seconds before the end, by its own clock: asked too early, it would give the same one again.
RENEW = 280
#: Seconds before its end at which a token is not handed out any more: it has to get there yet.
USELESS = 10
#: Seconds that a lease lasts: longer than any call to WeChat, short enough to outlive its holder.
LEASE = 10
#: Seconds that somebody without a token waits for one.
WAIT = 5.0
#: Seconds between two looks into the store.
LOOK = 0.05
#: Seconds during which a token that WeChat refused and gave again is not asked for once more.
FUTILE = 60


@dataclass(frozen=True)
class Stored:
    """A token; ``expires_at`` is in seconds since 1970."""

    token: Secret = field(repr=False)
    expires_at: float
    #: What the store knows this very state by.
    mark: str = ""


class AccessTokenStore(Protocol):
    """Where all processes look. Each method raises ``DatabaseUnavailable``."""

    def read(self, appid: str) -> Stored | None:
        """The newest token, of whatever age."""

    def lease(self, appid: str, holder: str, known: Stored | None, seconds: float) -> bool:
        """Whether this holder obtains the next token: nobody else does, and ``known`` stands."""

    def save(self, appid: str, holder: str, stored: Stored, *, release: bool) -> None:
        """Keep a token, and give the lease back or not, if it is still this holder's."""

    def release(self, appid: str, holder: str) -> None:
        """Give the lease back."""

    def replace(self, appid: str, stored: Stored) -> None:
        """Keep a token, whoever has the lease."""


class AccessTokens:
    """A ``AccessTokenSource``. Safe to share between threads.

    ``fetch`` asks WeChat for the token and the seconds that it has left. ``clock`` is in seconds
    since 1970.
    """

    def __init__(
        self,
        store: AccessTokenStore,
        fetch: Callable[[str], tuple[Secret, int]],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, Stored] = {}
        #: The threads of this process that need a token come together in one flight per app.
        self._flights: dict[str, futures.Future[Stored]] = {}
        #: Tokens that WeChat refused and gave again: until when that is taken for its last word.
        self._futile: dict[str, tuple[Secret, float]] = {}

    def get(self, appid: str, *, seconds: float = WAIT) -> Secret:
        """The access_token of this app, within so many seconds.

        Raises a ``WeChatError`` where there is no token to be had, ``DatabaseUnavailable`` where
        there is none in this process and the store cannot be asked.
        """
        return self._get(appid, None, seconds).token

    def refused(self, appid: str, token: Secret, *, seconds: float = WAIT) -> Secret:
        """Another token than this one, which WeChat refused; this one again if it insists.

        Whoever is refused together obtains one new token together. Raises like ``get``.
        """
        with self._lock:
            futile = self._futile.get(appid)
        if futile and futile[0].matches(token) and self._clock() < futile[1]:
            return token
        stored = self._get(appid, token, seconds)
        if stored.token.matches(token):
            with self._lock:
                self._futile[appid] = (token, self._clock() + FUTILE)
        return stored.token

    def expires_at(self, appid: str) -> float:
        """Until when the token of ``get`` is good."""
        return self._get(appid, None, WAIT).expires_at

    def replace(self, appid: str, token: Secret, seconds: int) -> None:
        """Let this be the token from now on."""
        stored = Stored(token, self._clock() + seconds)
        self._store.replace(appid, stored)
        with self._lock:
            self._known[appid] = stored

    # -- in this process -----------------------------------------------------------------------

    def _get(self, appid: str, refused: Secret | None, seconds: float) -> Stored:
        ends = time.monotonic() + seconds
        while True:
            with self._lock:
                known = self._known.get(appid)
                if known and known.token.matches(refused):
                    del self._known[appid]
                    known = None
                left = known.expires_at - self._clock() if known else 0
                if known and left > FORGET:
                    return known
                flight = self._flights.get(appid)
                if flight is None:
                    mine = self._flights[appid] = futures.Future()
                    break
                if known and left > USELESS:
                    return known
            # Not ``result(timeout)``: the flight itself may have ended in a ``TimeoutError``.
            if not futures.wait([flight], max(ends - time.monotonic(), 0)).done:
                raise WeChatUnavailable("There is no access_token yet.")
            stored = flight.result()
            # A flight that had begun before may have ended with the very token that was refused.
            if not stored.token.matches(refused):
                return stored
        try:
            stored = self._obtain(appid, known, refused, ends)
        except BaseException as error:
            self._land(appid)
            given = error if isinstance(error, Exception) else WeChatUnavailable("Broken off.")
            mine.set_exception(given)
            raise
        self._land(appid, stored)
        mine.set_result(stored)
        return stored

    def _land(self, appid: str, stored: Stored | None = None) -> None:
        with self._lock:
            del self._flights[appid]
            if stored:
                self._known[appid] = stored

    # -- among all processes -------------------------------------------------------------------

    def _obtain(
        self, appid: str, known: Stored | None, refused: Secret | None, ends: float
    ) -> Stored:
        holder = secrets.token_hex(16)
        while True:
            try:
                newest = self._store.read(appid)
                stored = None if newest and newest.token.matches(refused) else newest
                left = stored.expires_at - self._clock() if stored else 0
                if stored and left > RENEW:
                    return stored
                leased = self._store.lease(appid, holder, newest, LEASE)
            except DatabaseUnavailable:
                if known and known.expires_at - self._clock() > USELESS:
                    return known
                raise
            usable = stored if left > USELESS else None
            if leased:
                return self._renew(appid, holder, usable)
            if usable:
                return usable
            if time.monotonic() + LOOK >= ends:
                raise WeChatUnavailable("There is no access_token yet.")
            # Not in step with the others.
            time.sleep(LOOK * random.uniform(0.5, 1.5))  # noqa: S311

    def _renew(self, appid: str, holder: str, usable: Stored | None) -> Stored:
        # By the moment before the question: rather too early than too late.
        begun = self._clock()
        try:
            token, seconds = self._fetch(appid)
        except Exception:
            if usable:
                # The lease runs out by itself: until then nobody else bothers WeChat.
                return usable
            with contextlib.suppress(DatabaseUnavailable):
                self._store.release(appid, holder)
            raise
        stored = Stored(token, begun + seconds)
        with contextlib.suppress(DatabaseUnavailable):
            # One that is nearly over already: the next question waits until the lease is over.
            self._store.save(appid, holder, stored, release=not USELESS < seconds <= RENEW)
        return stored
