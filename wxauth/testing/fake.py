"""The fake WeChat: a small state machine that answers and refuses like the original."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .consent import Consent
from .faults import Faults
from .people import FakePerson, Unknown
from .push import Pushing
from .refusals import Refused, refusal

#: How long a code lives, in seconds (protocol 1.1).
CODE_LIFE = 300
#: A fake may run for days under load: codes and calls beyond so many are forgotten.
REMEMBERED = 100_000
#: What no call is remembered with.
SECRETS = ("secret", "access_token")


class Call(NamedTuple):
    """One request that reached the fake.

    ``params`` are those of the URL and, of a POST, those of its JSON; AppSecret and access_token
    are left out.
    """

    path: str
    params: dict[str, Any]


@dataclass
class _Code:
    person: FakePerson
    appid: str
    expires: float
    used: bool = False


class FakeWeChat(Consent, Pushing):
    """WeChat's side of a login. Safe to use from many threads.

    Wherever a method takes a ``person``, it is a ``FakePerson``, a name, or nothing for the
    default person; without ``appid`` the default app is meant. Both raise ``Unknown``. alice, bob
    and eve are there from the start.

    - ``any_app``: every appid exists, and ``"sandbox"`` is its secret.
    - ``any_code``: a code that the fake did not issue is the default person's and may be repeated
      (developer tools' mock code, a real phone's code); a phone code is that of who logged in.
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
        self._phone_codes: dict[str, _Code] = {}
        #: path → method, endpoint.
        self._endpoints: dict[str, tuple[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
            "/sns/jscode2session": ("GET", self._jscode2session),
            "/sns/oauth2/access_token": ("GET", self._oauth2_access_token),
            "/sns/userinfo": ("GET", self._userinfo),
            "/cgi-bin/stable_token": ("POST", self._stable_token),
            "/wxa/business/getuserphonenumber": ("POST", self._getuserphonenumber),
            "/wxa/checksession": ("GET", self._checksession),
            "/wxa/resetusersessionkey": ("GET", self._resetusersessionkey),
            "/cgi-bin/user/info": ("GET", self._user_info),
        }

    def login_code(self, person: FakePerson | str | None = None, appid: str | None = None) -> str:
        """The ``code`` that ``wx.login()`` gives: for one exchange in this app, for 5 minutes.

        Of an app that is no mini-program, its ``oauth2_code``.
        """
        with self._lock:
            who, appid, app = self._resolve(person, appid)
            if app.kind != "miniprogram":
                return self.oauth2_code(who, appid)
            self._start_login(who, appid)
            return self._issue(self._codes, secrets.token_hex(16), who, appid)

    def phone_code(self, person: FakePerson | str | None = None, appid: str | None = None) -> str:
        """The ``code`` that the phone button gives (protocol 4.1): once, for 5 minutes."""
        with self._lock:
            who, appid, _ = self._resolve(person, appid)
            if not who.phone:
                raise ValueError(f"{who.name} has no phone number.")
            return self._issue(self._phone_codes, secrets.token_hex(32), who, appid)

    def cloud_headers(
        self,
        person: FakePerson | str | None = None,
        appid: str | None = None,
        *,
        owner: str | None = None,
    ) -> dict[str, str]:
        """What the gateway of WeChat Cloud Hosting puts on a call through ``callContainer``.

        ``owner`` is the app that owns the environment, where it is shared with this one (资源复用).
        The environment is that of the variable ``CBR_ENV_ID``.
        """
        with self._lock:
            who, appid, app = self._resolve(person, appid)
            prefix = "X-WX-" if owner is None else "X-WX-FROM-"
            unionid = who.unionid(app.platform)
            return {
                "X-WX-SOURCE": "wx_client",
                "X-WX-ENV": os.environ.get("CBR_ENV_ID", ""),
                "X-WX-APPID": owner or appid,
                f"{prefix}APPID": appid,
                f"{prefix}OPENID": who.openid(appid),
                **({f"{prefix}UNIONID": unionid} if unionid else {}),
            }

    def prefetch_query(
        self,
        person: FakePerson | str | None = None,
        appid: str | None = None,
        *,
        token: str = "",
        path: str = "pages/index/index",
        query: str = "",
        scene: int = 1001,
    ) -> dict[str, str]:
        """What WeChat's servers send in the query of a pre-fetch (数据预拉取): the ``token`` that
        the mini-program has set, or a code where it has set none."""
        with self._lock:
            appid, _ = self._app(appid)
            proof = {"token": token} if token else {"code": self.login_code(person, appid)}
            return {
                "appid": appid,
                "timestamp": str(int(self.clock() * 1000)),
                **proof,
                "path": path,
                "query": query,
                "scene": str(scene),
                "customMiniprogramVersion": "1.0.0",
            }

    def _issue(self, codes: dict[str, _Code], code: str, person: FakePerson, appid: str) -> str:
        codes[code] = _Code(person, appid, self.clock() + CODE_LIFE)
        if len(codes) > REMEMBERED:
            del codes[next(iter(codes))]
        return code

    # -- what a server asks --------------------------------------------------------------------

    def record(self, path: str, params: Mapping[str, Any]) -> None:
        """Remember a request for ``calls``."""
        with self._lock:
            kept = {name: value for name, value in params.items() if name not in SECRETS}
            self.calls.append(Call(path, kept))
            del self.calls[:-REMEMBERED]

    def answer(
        self, path: str, params: Mapping[str, str], body: bytes = b"", method: str = "GET"
    ) -> dict[str, Any]:
        """WeChat's answer to a request; a refusal is an answer too."""
        expected, endpoint = self._endpoints.get(path, ("", None))
        try:
            if endpoint is None:
                raise Refused(40066)
            if expected == "POST":
                if method != "POST":
                    raise Refused(43002)
                # The access_token stays in the URL; whatever else is there does not count.
                token = {"access_token": params.get("access_token", "")}
                params = {**read_json(body), **token}
            with self._lock:
                return endpoint(params)
        except Refused as refused:
            return refusal(refused.errcode)

    def _stable_token(self, params: Mapping[str, Any]) -> dict[str, Any]:
        appid, _ = self._authorize(params)
        if params.get("grant_type") != "client_credential":
            raise Refused(40002)
        issued = self.access_token(appid, force_refresh=params.get("force_refresh") is True)
        return {
            "access_token": issued.token,
            "expires_in": int(issued.expires - self.clock()),
        }

    def _getuserphonenumber(self, params: Mapping[str, Any]) -> dict[str, Any]:
        appid = self._bearer(params["access_token"])
        code, openid = params.get("code"), params.get("openid")
        if not isinstance(code, str) or not (openid is None or isinstance(openid, str)):
            raise Refused(40097)
        issued = self._phone_codes.get(code)
        if issued is None and self.any_code and code and not self._is_issued(code):
            issued = _Code(self._holder(openid, appid), appid, self.clock() + CODE_LIFE)
        # Among these: a code of wx.login, which is not one of the phone button's.
        if issued is None or issued.used or self.clock() >= issued.expires:
            raise Refused(40029)
        if issued.appid != appid:
            raise Refused(40013)
        if openid is not None and openid != issued.person.openid(appid):
            raise Refused(40003)
        issued.used = True
        return {
            "errcode": 0,
            "errmsg": "ok",
            "phone_info": {
                **self.number(issued.person),
                "watermark": {"timestamp": int(self.clock()), "appid": appid},
            },
        }

    def _user_info(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Who follows an official account: names and pictures are empty since 2021."""
        appid = self._bearer(params.get("access_token", ""))
        try:
            person = self.person_of(params.get("openid", ""), appid)
        except Unknown:
            raise Refused(40003) from None
        answer = {"subscribe": int(person.follows(appid)), "openid": params["openid"]}
        unionid = person.unionid(self._app(appid)[1].platform)
        if person.follows(appid):
            answer |= {"nickname": "", "sex": 0, "headimgurl": "", "tagid_list": []}
            answer |= {"unionid": unionid} if unionid else {}
        return answer

    def _holder(self, openid: str | None, appid: str) -> FakePerson:
        try:
            return self.person() if openid is None else self.person_of(openid, appid)
        except Unknown:
            raise Refused(40003) from None

    def _jscode2session(self, params: Mapping[str, Any]) -> dict[str, Any]:
        appid, app = self._authorize(params)
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
        if (
            issued is None
            and self.any_code
            and not (code in self._phone_codes or code in self._oauth2_codes)
        ):
            self._start_login(self.person(), appid)
            return self.person()
        if issued is None or issued.appid != appid or self.clock() >= issued.expires:
            raise Refused(40029)
        if issued.used:
            raise Refused(40163)
        issued.used = True
        return issued.person

    def _is_issued(self, code: str) -> bool:
        return code in self._codes or code in self._phone_codes or super()._is_issued(code)

    def _start_login(self, person: FakePerson, appid: str) -> None:
        # Fetching a code is what replaces a session_key, not exchanging it (protocol 2).
        if self.rotate:
            self.rotate_session_key(person, appid)


def read_json(body: bytes) -> dict[str, Any]:
    """The JSON object that was posted."""
    if not body:
        raise Refused(44002)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Refused(47001)
    return document
