"""How a mobile app, a website and an official account learn who somebody is (protocol 9)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .access_tokens import TOKEN_LIFE, Tokens
from .people import FakePerson, derive
from .phone import NO_NICKNAME
from .refusals import Refused

#: What each kind of app may ask for; the first is what it usually does.
SCOPES = {
    "mobileapp": ("snsapi_userinfo",),
    "website": ("snsapi_login",),
    "officialaccount": ("snsapi_userinfo", "snsapi_base"),
}
#: Seconds that a code lives; an official account's half as long (protocol 9).
CODE_LIFE = 600
#: A fake may run for days under load: what is older is forgotten.
REMEMBERED = 100_000


@dataclass
class _Grant:
    """What somebody agreed to: behind a code once, behind an access_token until it expires."""

    person: FakePerson
    appid: str
    scope: str
    snapshot: bool
    expires: float
    used: bool = False

    @property
    def openid(self) -> str:
        if self.snapshot:
            return derive("snapshot openid", self.appid, self.person.name)
        return self.person.openid(self.appid)


class OAuth2(Tokens):
    """The part of ``FakeWeChat`` that issues codes and answers outside mini-programs."""

    any_code: bool

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._oauth2_codes: dict[str, _Grant] = {}
        self._grants: dict[str, _Grant] = {}

    def oauth2_code(
        self,
        person: FakePerson | str | None = None,
        appid: str | None = None,
        *,
        scope: str | None = None,
        snapshot: bool = False,
    ) -> str:
        """The ``code`` that a mobile app's SendAuth gives, or that comes to a browser's callback.

        For one exchange in this app. ``scope`` is the usual one of the app's kind, or
        ``snsapi_base`` of an official account. ``snapshot``: that of a snapshot page (快照页),
        whose person is a virtual one. Raises ``ValueError`` for what WeChat would not ask anybody.
        """
        with self._lock:
            who, appid, app = self._resolve(person, appid)
            scopes = SCOPES.get(app.kind)
            if scopes is None:
                raise ValueError("A mini-program has no such codes.")
            scope = scope or scopes[0]
            if scope not in scopes:
                raise ValueError(f"There is no {scope} for a {app.kind}.")
            life = CODE_LIFE / 2 if app.kind == "officialaccount" else CODE_LIFE
            grant = _Grant(who, appid, scope, snapshot, self.clock() + life)
            return self._remember(self._oauth2_codes, secrets.token_hex(16), grant)

    def _remember(self, grants: dict[str, _Grant], name: str, grant: _Grant) -> str:
        grants[name] = grant
        if len(grants) > REMEMBERED:
            del grants[next(iter(grants))]
        return name

    def _oauth2_access_token(self, params: Mapping[str, Any]) -> dict[str, Any]:
        appid, _ = self._authorize(params)
        code = params.get("code", "")
        if not code:
            raise Refused(41008)
        if params.get("grant_type") != "authorization_code":
            raise Refused(40002)
        grant = self._redeem_oauth2(code, appid)
        if grant.person.refusal is not None:
            raise Refused(grant.person.refusal)
        token = secrets.token_urlsafe(64)
        grant = _Grant(grant.person, appid, grant.scope, grant.snapshot, self.clock() + TOKEN_LIFE)
        answer = {
            "access_token": self._remember(self._grants, token, grant),
            "expires_in": TOKEN_LIFE,
            "refresh_token": secrets.token_urlsafe(64),
            "openid": grant.openid,
            "scope": grant.scope,
        }
        unionid = self._unionid(grant)
        if unionid and grant.scope != "snsapi_base":
            answer["unionid"] = unionid
        if grant.snapshot:
            answer["is_snapshotuser"] = 1
        return answer

    def _redeem_oauth2(self, code: str, appid: str) -> _Grant:
        grant = self._oauth2_codes.get(code)
        if grant is None and self.any_code and not self._is_issued(code):
            scope = SCOPES.get(self._app(appid)[1].kind, ("snsapi_userinfo",))[0]
            return _Grant(self.person(), appid, scope, False, self.clock())
        if grant is None or grant.appid != appid or self.clock() >= grant.expires:
            raise Refused(40029)
        if grant.used:
            raise Refused(40163)
        grant.used = True
        return grant

    def _is_issued(self, code: str) -> bool:
        return code in self._oauth2_codes

    def _unionid(self, grant: _Grant) -> str | None:
        platform = self._app(grant.appid)[1].platform
        if grant.snapshot and platform is not None:
            # One virtual unionid behind several virtual openids (protocol 9.3).
            return derive("snapshot unionid", platform)
        return grant.person.unionid(platform)

    def _userinfo(self, params: Mapping[str, Any]) -> dict[str, Any]:
        token = params.get("access_token") or ""
        if not token:
            raise Refused(41001)
        grant = self._grants.get(token)
        if grant is None:
            raise Refused(40001)
        if self.clock() >= grant.expires:
            raise Refused(42001)
        if params.get("openid") != grant.openid:
            raise Refused(40003)
        if grant.scope == "snsapi_base" or grant.snapshot:
            raise Refused(48001)
        answer = {
            "openid": grant.openid,
            "nickname": grant.person.nickname or NO_NICKNAME,
            "sex": 0,
            "language": "",
            "city": "",
            "province": "",
            "country": "",
            "headimgurl": grant.person.avatar_url,
            "privilege": [],
        }
        unionid = self._unionid(grant)
        return {**answer, "unionid": unionid} if unionid else answer
