"""WeChat's access_token (protocol 5), and what is asked with it of a session_key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .people import FakePerson, Unknown
from .phone import Phone
from .refusals import Refused
from .state import FakeApp

#: Seconds that a token lives, and before its end at which asking again yields another one.
TOKEN_LIFE = 7200
OVERLAP = 300
#: How often a token may be replaced before its time: once in so many seconds, so often a day.
FORCE_PAUSE = 30
FORCE_DAILY = 20
DAY = 86400


class Issued(NamedTuple):
    token: str
    expires: float


@dataclass
class _App:
    """The tokens of one app that are still good, the newest last."""

    good: list[Issued] = field(default_factory=list)
    #: When replacing one was forced.
    forced: list[float] = field(default_factory=list)


class Tokens(Phone):
    """The part of ``FakeWeChat`` that issues access_tokens, and tells who brings one."""

    def __init__(
        self, *, any_app: bool, default_appid: str | None, clock: Callable[[], float]
    ) -> None:
        super().__init__(any_app=any_app, default_appid=default_appid, clock=clock)
        self._tokens: dict[str, _App] = {}
        #: Every token that there ever was, and its app.
        self._apps_of: dict[str, str] = {}

    def access_token(self, appid: str | None = None, *, force_refresh: bool = False) -> Issued:
        """The token that stable_token answers now. ``force_refresh`` ends the others at once."""
        with self._lock:
            appid, _ = self._app(appid)
            tokens, now = self._tokens.setdefault(appid, _App()), self.clock()
            tokens.good = [issued for issued in tokens.good if issued.expires > now]
            if force_refresh:
                self._force(tokens, now)
            if not tokens.good or tokens.good[-1].expires - now <= OVERLAP:
                issued = Issued(secrets.token_urlsafe(96), now + TOKEN_LIFE)
                tokens.good.append(issued)
                self._apps_of[issued.token] = appid
            return tokens.good[-1]

    def revoke_access_tokens(self, appid: str | None = None) -> None:
        """End all tokens of an app before their time, as somebody's ``force_refresh`` does."""
        with self._lock:
            appid, _ = self._app(appid)
            self._tokens.pop(appid, None)

    def _force(self, tokens: _App, now: float) -> None:
        tokens.forced = [moment for moment in tokens.forced if moment > now - DAY]
        if tokens.forced and tokens.forced[-1] > now - FORCE_PAUSE:
            raise Refused(45011)
        if len(tokens.forced) >= FORCE_DAILY:
            raise Refused(45009)
        tokens.forced.append(now)
        tokens.good = []

    def _authorize(self, params: Mapping[str, Any]) -> tuple[str, FakeApp]:
        """The app that names itself and its AppSecret."""
        appid = params.get("appid") or ""
        if not appid:
            raise Refused(41002)
        try:
            _, app = self._app(appid)
        except Unknown:
            raise Refused(40013) from None
        secret = params.get("secret") or ""
        if not secret:
            raise Refused(41004)
        if not hmac.compare_digest(str(secret).encode(), app.secret.encode()):
            raise Refused(40125)
        return appid, app

    def _bearer(self, token: object) -> str:
        """The app whose token this is."""
        if not isinstance(token, str) or not token:
            raise Refused(41001)
        appid = self._apps_of.get(token)
        if appid is None:
            raise Refused(40001)
        for issued in self._tokens.get(appid, _App()).good:
            if issued.token == token:
                if issued.expires <= self.clock():
                    raise Refused(42001)
                return appid
        raise Refused(40001)

    # -- the session_key (protocol 2.1, 2.2) ----------------------------------------------------

    def _checksession(self, params: Mapping[str, Any]) -> dict[str, Any]:
        self._signed(params)
        return {"errcode": 0, "errmsg": "ok"}

    def _resetusersessionkey(self, params: Mapping[str, Any]) -> dict[str, Any]:
        person, appid = self._signed(params)
        key = self.rotate_session_key(person, appid)
        return {
            "errcode": 0,
            "errmsg": "ok",
            "openid": person.openid(appid),
            "session_key": key,
        }

    def _signed(self, params: Mapping[str, Any]) -> tuple[FakePerson, str]:
        """Who is meant, if the signature shows that the caller knows the session_key."""
        appid = self._bearer(params.get("access_token"))
        try:
            person = self.person_of(params.get("openid", ""), appid)
        except Unknown:
            raise Refused(40003) from None
        if params.get("sig_method") != "hmac_sha256":
            raise Refused(87008)
        key = self.session_key(person, appid)
        expected = hmac.new(key.encode(), b"", hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), params.get("signature", "").encode()):
            raise Refused(87009)
        return person, appid
