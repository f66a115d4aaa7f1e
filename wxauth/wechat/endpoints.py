"""WeChat's endpoints: what each needs, and what an errcode means to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wxauth.exceptions import (
    InvalidCode,
    InvalidPhoneCode,
    SessionKeyMissing,
    WxauthError,
)


@dataclass(frozen=True)
class Endpoint:
    path: str
    #: Endpoints that break down together: they share a circuit.
    group: str
    #: It wants the access_token.
    bearer: bool = False
    #: The same request may be sent again when nobody knows what became of it.
    repeats: bool = False
    #: It takes one of the places of the bulkhead.
    placed: bool = True
    #: What some errcodes mean here.
    errors: Mapping[int, type[WxauthError]] = field(default_factory=dict)


CODE2SESSION = Endpoint("/sns/jscode2session", "login")
OAUTH2 = Endpoint("/sns/oauth2/access_token", "oauth2")
# It asks with a token of the person's (protocol 9.1): what is wrong with that is no fault of the
# app's, nor of its AppSecret.
USER_INFO = Endpoint(
    "/sns/userinfo",
    "userinfo",
    errors=dict.fromkeys((40001, 40003, 40014, 42001, 48001), InvalidCode),
)
# One of these at a time per app and process: more do not come together in ``AccessTokens``. A
# place of its own would be one that the calls waiting for this very token may hold.
STABLE_ACCESS_TOKEN = Endpoint("/cgi-bin/stable_token", "access_token", placed=False)
PHONE = Endpoint(
    "/wxa/business/getuserphonenumber",
    "phone",
    bearer=True,
    repeats=True,
    # 40013: the code is of another app than the access_token (protocol 4.1), which is ours.
    errors=dict.fromkeys((40003, 40013, 40029, 40163), InvalidPhoneCode),
)
CHECK_SESSION = Endpoint(
    "/wxa/checksession",
    "session",
    bearer=True,
    errors=dict.fromkeys((87007, 87009), SessionKeyMissing),
)
# Not repeated: a second key would not open what the first did, nor sign for it.
RESET_SESSION = Endpoint(
    "/wxa/resetusersessionkey",
    "session",
    bearer=True,
    errors=dict.fromkeys((87007, 87009), SessionKeyMissing),
)
# Of an official account: whoever follows it, or does not.
FOLLOWER = Endpoint("/cgi-bin/user/info", "follower", bearer=True)
