"""What WeChat can be asked: one method per endpoint, a frozen dataclass out.

What WeChat answers is judged here and nowhere else: bytes, read as UTF-8 JSON whatever the
Content-Type says (protocol 1.4), and an errcode or a well-formed result, nothing in between.

An answer holds the session_key. So it is read by functions that *return* an error, and the error
is raised where no local variable of the traceback holds the answer.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any, TypeGuard

from ..exceptions import Misconfigured, WeChatBadResponse, WxauthError
from ..types import App, Secret, Session
from .errcodes import classify, meaning
from .transport import Transport

logger = logging.getLogger("wxauth.wechat")

#: Looser than what was ever seen (28 letters, digits, "-" and "_"): WeChat promises no shape.
ID = re.compile(r"[\x21-\x7e]{1,64}")
#: Base64 of 16 bytes.
SESSION_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")
#: A number in most places, a string in some (protocol 1.3).
ERRCODE = re.compile(r"-?[0-9]{1,9}")
RID = re.compile(r"rid: ([0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8})")


class WeChatClient:
    """Speaks for one app. Safe to share between threads."""

    def __init__(self, app: App, transport: Transport) -> None:
        self._app = app
        self._transport = transport

    def code2session(self, code: Secret) -> Session:
        """Exchange a login code for the openid and session_key of who obtained it.

        Raises ``CodeRefused``, ``Blocked`` or a ``WeChatError``. The code is single-use: it is
        sent once. (protocol 1.2, 1.3)
        """
        params: dict[str, str | Secret] = {
            "appid": self._app.appid,
            "secret": self._app.secret,
            # Until WeChat has taken it, it lets its finder in.
            "js_code": code,
            "grant_type": "authorization_code",
        }
        outcome = _session(self._transport.get("/sns/jscode2session", params))
        if isinstance(outcome, Session):
            return outcome
        self._report(outcome)
        raise outcome

    def _report(self, error: WxauthError) -> None:
        """Log what the operator must mend. Never the errmsg: it may hold anything."""
        if isinstance(error, Misconfigured):
            logger.error(
                "WeChat refuses app %s: errcode %s, rid %s. %s",
                self._app.appid,
                error.errcode,
                error.rid or "-",
                meaning(error.errcode),
            )


def _session(body: bytes) -> Session | WxauthError:
    answer = _answer(body)
    if isinstance(answer, WxauthError):
        return answer
    openid, session_key = answer.get("openid"), answer.get("session_key")
    unionid = answer.get("unionid") or None
    if not isinstance(openid, str) or not ID.fullmatch(openid):
        return WeChatBadResponse("WeChat's answer has no acceptable openid.")
    if unionid is not None and not (isinstance(unionid, str) and ID.fullmatch(unionid)):
        return WeChatBadResponse("WeChat's answer has no acceptable unionid.")
    if not isinstance(session_key, str) or not SESSION_KEY.fullmatch(session_key):
        return WeChatBadResponse("WeChat's answer has no acceptable session_key.")
    return Session(openid=openid, session_key=Secret(session_key), unionid=unionid)


def _is_id(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and ID.fullmatch(value) is not None


def _answer(body: bytes) -> dict[str, Any] | WxauthError:
    """The JSON object of a success."""
    try:
        # Not strict: a nickname may hold raw control characters (protocol 1.4). ValueError is bad
        # UTF-8, bad JSON, and a number of 5,000 digits; RecursionError is brackets without end.
        answer = json.loads(body.decode("utf-8"), strict=False)
    except (ValueError, RecursionError):
        return WeChatBadResponse("WeChat's answer is not JSON.")
    if not isinstance(answer, dict):
        return WeChatBadResponse("WeChat's answer is not a JSON object.")
    errcode = answer.get("errcode", 0)
    if isinstance(errcode, bool) or not (
        isinstance(errcode, (int, str)) and ERRCODE.fullmatch(str(errcode))
    ):
        return WeChatBadResponse("WeChat's answer has no acceptable errcode.")
    if int(errcode) == 0:
        return answer
    found = RID.search(str(answer.get("errmsg", "")))
    return classify(int(errcode), found[1] if found else "")
