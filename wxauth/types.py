"""Plain values that cross the layers. Nothing here knows Django, HTTP or WeChat's wire format."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

__all__ = ["App", "Kind", "PhoneInfo", "Rate", "Secret", "Session"]


class Secret:
    """A text that must not be read by accident.

    Its ``repr`` and ``str`` are masks, so that neither a log line nor a traceback with local
    variables (the debug page, an error tracker) can show it. Comparison is deliberately absent:
    secrets are compared with ``hmac.compare_digest`` on what ``reveal`` returns.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

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

    def __str__(self) -> str:
        return self.name or self.appid


@dataclass(frozen=True)
class Session:
    """WeChat's answer to code2Session: who the caller is. (protocol: jscode2session)"""

    openid: str
    #: 24 characters of base64, kept exactly as received: two of WeChat's algorithms use the text.
    session_key: Secret = field(repr=False)
    #: None while the app is not bound to an Open Platform account.
    unionid: str | None = None


@dataclass(frozen=True)
class PhoneInfo:
    """WeChat's answer to getPhoneNumber: the number that its user chose to give."""

    #: E.164: ``+``, the country code and the number, digits only.
    number: Secret = field(repr=False)
    #: Digits, without ``+``.
    country_code: str


@dataclass(frozen=True)
class Rate:
    """So many in so many seconds."""

    count: int
    seconds: int
