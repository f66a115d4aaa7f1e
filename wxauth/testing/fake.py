"""The fake WeChat: a small state machine that answers and refuses like the original."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .faults import Faults
from .people import FakePerson, Unknown
from .phone import Phone
from .refusals import Refused, refusal

#: How long a code lives, in seconds (protocol 1.1).
CODE_LIFE = 300
#: A fake may run for days under load: codes and calls beyond so many are forgotten.
REMEMBERED = 100_000


class Call(NamedTuple):
    """One request that reached the fake. ``params`` are those of the URL, without secrets."""

    path: str
    params: dict[str, str]


@dataclass
class _Code:
    person: FakePerson
    appid: str
    expires: float
    used: bool = False


class FakeWeChat(Phone):
    """WeChat's side of a login. Safe to use from many threads.

    Wherever a method takes a ``person``, it is a ``FakePerson``, a name, or nothing for the
    default person; without ``appid`` the default app is meant. Both raise ``Unknown``. alice, bob
    and eve are there from the start.

    - ``any_app``: every appid exists, and ``"sandbox"`` is its secret.
    - ``any_code``: a code that the fake did not issue is the default person's and may be repeated
      (developer tools' mock code, a real phone's code).
    - ``rotate``: each ``wx.login()`` makes a new session_key; WeChat says only that it may.
    - ``escape_slashes``: answers spell ``/`` as ``\\/``, as WeChat's at times do.
    - ``clock``: the time in seconds since 1970; assign another to let codes expire.
    """

    def __init__(
        self,
        *,
        any_app: bool = False,
        any_code: bool = False,
        rotate: bool = False,
        escape_slashes: bool = False,
        default_appid: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(any_app=any_app, default_appid=default_appid, clock=clock)
        self.any_code = any_code
        self.rotate = rotate
        self.escape_slashes = escape_slashes
        self.faults = Faults()
        #: The requests so far, those that met a fault included.
        self.calls: list[Call] = []
        #: Where a server answers for this fake.
        self.url = ""
        self._codes: dict[str, _Code] = {}
        self._endpoints = {"/sns/jscode2session": self._jscode2session}

    def login_code(self, person: FakePerson | str | None = None, appid: str | None = None) -> str:
        """The ``code`` that ``wx.login()`` gives: for one exchange in this app, for 5 minutes."""
        with self._lock:
            who, appid, _ = self._resolve(person, appid)
            self._start_login(who, appid)
            code = secrets.token_hex(16)
            self._codes[code] = _Code(who, appid, self.clock() + CODE_LIFE)
            if len(self._codes) > REMEMBERED:
                del self._codes[next(iter(self._codes))]
            return code

    # -- what a server asks --------------------------------------------------------------------

    def record(self, path: str, params: Mapping[str, str]) -> None:
        """Remember a request for ``calls``."""
        with self._lock:
            kept = {name: value for name, value in params.items() if name != "secret"}
            self.calls.append(Call(path, kept))
            del self.calls[:-REMEMBERED]

    def answer(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """WeChat's answer to a request; a refusal is an answer too."""
        endpoint = self._endpoints.get(path)
        if endpoint is None:
            return refusal(40066)
        try:
            with self._lock:
                return endpoint(params)
        except Refused as refused:
            return refusal(refused.errcode)

    def _jscode2session(self, params: Mapping[str, str]) -> dict[str, Any]:
        appid = params.get("appid", "")
        if not appid:
            raise Refused(41002)
        try:
            _, app = self._app(appid)
        except Unknown:
            raise Refused(40013) from None
        secret = params.get("secret", "")
        if not secret:
            raise Refused(41004)
        if not hmac.compare_digest(secret.encode(), app.secret.encode()):
            raise Refused(40125)
        code = params.get("js_code", "")
        if not code:
            raise Refused(41008)
        if params.get("grant_type") != "authorization_code":
            raise Refused(40002)
        person = self._redeem(code, appid)
        if person.refusal is not None:
            raise Refused(person.refusal)
        answer = {
            "session_key": self.session_key(person, appid),
            "openid": person.openid(appid),
        }
        unionid = person.unionid(app.platform)
        if unionid:
            answer["unionid"] = unionid
        return answer

    def _redeem(self, code: str, appid: str) -> FakePerson:
        issued = self._codes.get(code)
        if issued is None and self.any_code:
            self._start_login(self.person(), appid)
            return self.person()
        if issued is None or issued.appid != appid or self.clock() >= issued.expires:
            raise Refused(40029)
        if issued.used:
            raise Refused(40163)
        issued.used = True
        return issued.person

    def _start_login(self, person: FakePerson, appid: str) -> None:
        # Fetching a code is what replaces a session_key, not exchanging it (protocol 2).
        if self.rotate:
            self.rotate_session_key(person, appid)
