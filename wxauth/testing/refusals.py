"""How WeChat says no: HTTP 200 and an errcode (protocol 1.5, 1.6)."""

from __future__ import annotations

import secrets
import time
from typing import Any

ERRMSG = {
    "-1": "system error",
    "40001": "invalid credential, access_token is invalid or not latest",
    "40002": "invalid grant_type",
    "40003": "invalid openid",
    "40013": "invalid appid",
    "40029": "invalid code",
    "40066": "invalid url",
    "40097": "invalid args",
    "40125": "invalid appsecret",
    "40163": "code been used",
    "40226": "code blocked",
    "41001": "access_token missing",
    "41002": "appid missing",
    "41004": "appsecret missing",
    "41008": "missing code",
    "43002": "require POST method",
    "44002": "empty post data",
    "45009": "reach max api daily quota limit",
    "45011": "api minute-quota reach limit  mustslower  retry next minute",
    "47001": "data format error",
    "48001": "api unauthorized",
    "50002": "user limited",
    "87007": "session_key is not existd or expired",
    "87008": "invalid sig_method",
    "87009": "invalid signature",
}


class Refused(Exception):
    """WeChat refuses a request."""

    def __init__(self, errcode: int) -> None:
        super().__init__(errcode)
        self.errcode = errcode


def refusal(errcode: int | str, errmsg: str | None = None) -> dict[str, Any]:
    """The answer with this errcode; a ``str`` is sent as one, as one page of WeChat prints it.

    ``errmsg`` ends with a rid in today's form: the first of its groups is the time.
    """
    text = ERRMSG.get(str(errcode), "error") if errmsg is None else errmsg
    rid = f"{int(time.time()):08x}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
    return {"errcode": errcode, "errmsg": f"{text}, rid: {rid}"}
