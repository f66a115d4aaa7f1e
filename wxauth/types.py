"""Plain values that cross the layers. Nothing here knows Django, HTTP or WeChat's wire format."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from enum import Enum

__all__ = [
    "E164",
    "ID",
    "App",
    "Channel",
    "Kind",
    "PhoneInfo",
    "Push",
    "Rate",
    "Secret",
    "Session",
    "UserInfo",
]

#: An openid or a unionid. Looser than what was ever seen (28 letters, digits, "-" and "_"): WeChat
#: promises no shape.
ID = re.compile(r"[!-~]{1,64}", re.ASCII)
#: A phone number with its country code, which does not start with 0: at most fifteen digits.
E164 = re.compile(r"\+[1-9][0-9]{4,14}", re.ASCII)


class Secret:
    """A text that must not be read by accident.

    Its ``repr`` and ``str`` are masks, so that neither a log line nor a traceback with local
    variables (the debug page, an error tracker) can show it. ``==`` says whether two variables are
    one object; whether two secrets are the same text, ``matches`` says.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def matches(self, other: Secret | None) -> bool:
        """Whether both are the same text; None matches nothing.

        How long that takes does not tell how much of them is the same.
        """
        return other is not None and hmac.compare_digest(
            self._text.encode("utf-8", "surrogatepass"),
            other._text.encode("utf-8", "surrogatepass"),
        )

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("A secret is not pickled.")


class Kind(str, Enum):
    """What sort of WeChat application an appid names."""

    MINIPROGRAM = "miniprogram"
    OFFICIAL_ACCOUNT = "officialaccount"
    WEBSITE = "website"
    MOBILE_APP = "mobileapp"


class Channel(str, Enum):
    """The door that somebody came through. A kind of app is one by the same name."""

    MINIPROGRAM = Kind.MINIPROGRAM.value
    OFFICIAL_ACCOUNT = Kind.OFFICIAL_ACCOUNT.value
    WEBSITE = Kind.WEBSITE.value
    MOBILE_APP = Kind.MOBILE_APP.value
    #: The gateway of WeChat Cloud Hosting (微信云托管).
    CLOUD = "cloud"
    #: WeChat's servers, for a mini-program that is about to start (数据预拉取).
    PREFETCH = "prefetch"
    #: A page inside a mini-program, by a ticket of the mini-program's.
    WEB_VIEW = "webview"


@dataclass(frozen=True)
class Push:
    """What an app and WeChat have agreed on for message push (消息推送)."""

    token: Secret = field(repr=False)
    #: EncodingAESKeys: the console's, and those that it had until just now.
    aes_keys: tuple[Secret, ...] = field(repr=False)


@dataclass(frozen=True)
class App:
    """One WeChat application, as configured in ``WXAUTH["APPS"]``."""

    appid: str
    secret: Secret = field(repr=False)
    kind: Kind = Kind.MINIPROGRAM
    #: The Open Platform account (微信开放平台) it is bound to: the scope of a unionid.
    platform: str = "default"
    #: For people: the admin and the list of logins show it.
    name: str = ""
    #: Dotted path of ``(appid) → str`` where the project has a token server of its own (中控).
    access_token: str | None = None
    #: None: WeChat pushes nothing to this server.
    push: Push | None = None

    def __str__(self) -> str:
        return self.name or self.appid


@dataclass(frozen=True)
class Session:
    """WeChat's word for who the caller is. (protocol: jscode2session, 9.1)"""

    openid: str
    #: 24 characters of base64, kept exactly as received: two of WeChat's algorithms use the text.
    #: None where the way in has none: only mini-programs do.
    session_key: Secret | None = field(default=None, repr=False)
    #: None while the app is not bound to an Open Platform account.
    unionid: str | None = None
    #: The person's own access_token, not the app's: for ``sns/userinfo``, and stored nowhere.
    #: None where the way in has none, or one that opens nothing (``snsapi_base``).
    access_token: Secret | None = field(default=None, repr=False)


@dataclass(frozen=True)
class UserInfo:
    """WeChat's answer to sns/userinfo: what the person agreed to show."""

    nickname: str
    avatar_url: str


@dataclass(frozen=True)
class PhoneInfo:
    """WeChat's answer to getPhoneNumber: the number that its user chose to give."""

    #: In E.164 form.
    number: Secret = field(repr=False)


@dataclass(frozen=True)
class Rate:
    """So many in so many seconds."""

    count: int
    seconds: int
