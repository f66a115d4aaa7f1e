"""The settings of wxauth: one dict ``WXAUTH`` in the project's settings, one property per key here.

Every property reads ``django.conf.settings`` at access, so ``override_settings`` simply works and
nothing has to be reloaded. What is *built* from settings (clients, keyrings, the adapter) lives in
``wiring`` and is rebuilt on ``setting_changed``. That a value is wrong is said by ``checks``; here
an unusable value raises ``ImproperlyConfigured``, without printing it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from .crypto.push import AES_KEY
from .exceptions import UnknownApp
from .types import App, Kind, Push, Rate, Secret

OFFICIAL_API_BASE = "https://api.weixin.qq.com"
OFFICIAL_OPEN_BASE = "https://open.weixin.qq.com"
#: Where ``manage.py wxauth_sandbox`` listens unless told otherwise.
SANDBOX_API_BASE = "http://127.0.0.1:8001"
#: The appid of a login that names none, while the sandbox stands in for WeChat.
SANDBOX_APPID = "wx5a4db0c0ffee0001"
#: The one AppSecret that the sandbox accepts. Not a secret: the sandbox exists under DEBUG only.
SANDBOX_SECRET = Secret("sandbox")
#: Likewise, Token and EncodingAESKey of its pushes.
SANDBOX_PUSH = Push(Secret("sandbox"), (Secret("sandbox" * 6 + "s"),))
#: The apps of the sandbox: two mini-programs, a mobile app, a website and an official account of
#: one platform, and a mini-program of another.
SANDBOX_APPS = {
    app.appid: app
    for app in (
        App(SANDBOX_APPID, SANDBOX_SECRET, name="sandbox"),
        App("wx5a4db0c0ffee0002", SANDBOX_SECRET, name="sandbox"),
        App("wx5a4db0c0ffee0003", SANDBOX_SECRET, platform="another", name="sandbox"),
        App("wx5a4db0c0ffee0004", SANDBOX_SECRET, Kind.MOBILE_APP, name="sandbox"),
        App("wx5a4db0c0ffee0005", SANDBOX_SECRET, Kind.WEBSITE, name="sandbox"),
        App("wx5a4db0c0ffee0006", SANDBOX_SECRET, Kind.OFFICIAL_ACCOUNT, name="sandbox"),
    )
}

#: Looser than what was ever seen (``wx`` and 16 hex digits): WeChat promises no shape.
APPID = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)

#: By address (thousands of phones share one behind a carrier's NAT), openid, person or app.
LIMITS = {
    "login_address": "600/min",
    "login_openid": "30/min",
    "decrypt": "30/min",
    "phone": "10/min",
    "link": "10/min",
    "prefetch": "6000/min",
    "profile": "30/min",
    "avatar": "10/min",
    "web_ticket": "30/min",
    "deletion": "10/day",
    "export": "2/day",
    "reveal": "60/hour",
}
RATE = re.compile(r"([1-9][0-9]{0,8})/(sec|min|hour|day)", re.ASCII)
PERIODS = {"sec": 1, "min": 60, "hour": 3600, "day": 24 * 3600}


#: How many days something is kept, by what it is.
RETENTION = {
    #: Logins, with address and device, from their end on. Their session_keys go at the end.
    "logins": 30,
    "events": 3 * 365,
    #: That somebody who was erased had been blocked.
    "blocks": 180,
}
#: Days that somebody who asked for deletion may take it back, at most: within fifteen working
#: days it has to be done.
MAX_DELETION_DAYS = 15

_ILL_FORMED = 'WXAUTH["APPS"] is not well-formed; manage.py check says where.'


def is_days(value: object) -> bool:
    """Whether something can be kept for so long: a hundred years at most."""
    return type(value) is int and 0 <= value <= 36_500


def _read_push(row: Any) -> Push | None:
    if row is None:
        return None
    token, keys = row["TOKEN"], row.get("AES_KEYS", [])
    if not (isinstance(token, str) and token and isinstance(keys, (list, tuple))):
        raise TypeError("PUSH")
    if not all(isinstance(key, str) and AES_KEY.fullmatch(key) for key in keys):
        raise ValueError("AES_KEYS")
    return Push(Secret(token), tuple(Secret(key) for key in keys))


def _read_app(appid: str, row: Any) -> App | None:
    """The app that this row of ``WXAUTH["APPS"]`` declares; None where it is not well-formed."""
    try:
        return App(
            appid=appid,
            secret=Secret(row["SECRET"]),
            kind=Kind(row.get("KIND", Kind.MINIPROGRAM)),
            platform=row.get("PLATFORM", "default"),
            name=row.get("NAME", ""),
            access_token=row.get("ACCESS_TOKEN"),
            push=_read_push(row.get("PUSH")),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


class Settings:
    """``WXAUTH``, typed. Durations are in seconds."""

    @property
    def declared(self) -> Mapping[str, Any]:
        """The dict as the project wrote it."""
        value = getattr(settings, "WXAUTH", {})
        if not isinstance(value, Mapping):
            raise ImproperlyConfigured("WXAUTH must be a dict.")
        return value

    # -- applications --------------------------------------------------------------------------

    @property
    def APPS(self) -> dict[str, App]:
        """appid → App, from ``{"wx…": {"SECRET": …, "KIND": …, "PLATFORM": …, "NAME": …}}``.

        ``ACCESS_TOKEN`` is the dotted path of ``(appid) → str``, for a project that has a token
        server of its own (中控). ``PUSH`` is ``{"TOKEN": …, "AES_KEYS": […]}``, as the console has
        them under 消息推送.
        """
        return {appid: self._build_app(appid) for appid in self._declared_apps}

    @property
    def _declared_apps(self) -> Mapping[str, Any]:
        declared = self.declared.get("APPS", {})
        if not isinstance(declared, Mapping):
            raise ImproperlyConfigured(_ILL_FORMED)
        return declared

    def _build_app(self, appid: str) -> App:
        app = _read_app(appid, self._declared_apps[appid])
        if app is None:
            # The mistake itself may be a secret in the wrong place: it is not repeated, neither
            # here nor in the frames of a chained exception.
            raise ImproperlyConfigured(_ILL_FORMED)
        return app

    @property
    def DEFAULT_APP(self) -> str | None:
        """The appid of a login that names none: the setting, else the only app there is."""
        declared: str | None = self.declared.get("DEFAULT_APP")
        if declared:
            return declared
        if self.SANDBOX:
            return SANDBOX_APPID
        appids = list(self._declared_apps)
        return appids[0] if len(appids) == 1 else None

    @property
    def SANDBOX(self) -> bool:
        """Whether the built-in sandbox stands in for WeChat. It does not exist without DEBUG."""
        return bool(self.declared.get("SANDBOX", False)) and settings.DEBUG

    def get_app(self, appid: str | None = None) -> App:
        """The app of this appid, or the default one. Raises ``UnknownApp``.

        Under the sandbox any appid is an app: a newcomer's mini-program already has its own
        (developer tools will not open a project without one) and no secret for it is at hand.
        """
        name = self.DEFAULT_APP if appid is None else appid
        if name is None:
            raise UnknownApp("No appid was sent, and there is no default app.")
        if name in self._declared_apps:
            return self._build_app(name)
        if self.SANDBOX and APPID.fullmatch(name):
            found = SANDBOX_APPS.get(name) or App(name, SANDBOX_SECRET, name="sandbox")
            return replace(found, push=SANDBOX_PUSH)
        raise UnknownApp("This appid is not configured.")

    # -- WeChat --------------------------------------------------------------------------------

    @property
    def API_BASE(self) -> str:
        """WeChat's server, without a final slash."""
        default = SANDBOX_API_BASE if self.SANDBOX else OFFICIAL_API_BASE
        base: str = self.declared.get("API_BASE") or default
        return base.rstrip("/")

    @property
    def OPEN_BASE(self) -> str:
        """Where WeChat's pages for browsers are, without a final slash."""
        default = self.API_BASE if self.SANDBOX else OFFICIAL_OPEN_BASE
        base: str = self.declared.get("OPEN_BASE") or default
        return base.rstrip("/")

    @property
    def CONCURRENCY(self) -> int:
        """Calls to WeChat at once per process: the size of the connection pool."""
        return int(self.declared.get("CONCURRENCY", 8))

    @property
    def THREADS(self) -> int | None:
        """Threads of one server process, for the checks to compare; None: nobody said."""
        return self._count("THREADS")

    @property
    def PROCESSES(self) -> int | None:
        """Server processes on one machine: the checks compare it, and while the cache is away each
        process takes its share of a limit. None: nobody said."""
        return self._count("PROCESSES")

    def _count(self, key: str) -> int | None:
        value = self.declared.get(key)
        return value if type(value) is int and value > 0 else None

    # -- logins --------------------------------------------------------------------------------

    @property
    def TOKEN_TTL(self) -> int:
        """How long a login lives."""
        return int(self.declared.get("TOKEN_TTL", 7 * 24 * 3600))

    @property
    def SIGNUP(self) -> str:
        """Who may become a user: everybody (``always``), nobody (``closed``), or ``phone``: whoever
        sends a phone code along with the login."""
        return str(self.declared.get("SIGNUP", "always"))

    @property
    def CLOUD(self) -> bool:
        """Whether X-WX-* headers log people in: for WeChat Cloud Hosting (微信云托管) without
        public access."""
        return self.declared.get("CLOUD", False) is True

    @property
    def PREFETCH(self) -> bool:
        """Whether WeChat's servers are answered at ``prefetch/`` (数据预拉取)."""
        return self.declared.get("PREFETCH", False) is True

    @property
    def STAFF(self) -> str:
        """Whether WeChat alone lets a user with ``is_staff`` in through a browser: ``refuse``, or
        ``alone``, which makes of WeChat's QR code a key to the admin."""
        return str(self.declared.get("STAFF", "refuse"))

    def refuses_staff(self, user: Any) -> bool:
        """Whether this user may not come in by WeChat through a browser."""
        return self.STAFF != "alone" and bool(getattr(user, "is_staff", False))

    @property
    def ADAPTER(self) -> str:
        """Dotted path of the project's subclass of ``wxauth.adapter.Adapter``."""
        return str(self.declared.get("ADAPTER", "wxauth.adapter.Adapter"))

    # -- one person, one user ------------------------------------------------------------------

    @property
    def JOIN(self) -> bool:
        """Whether a login may join two users who turn out to be one person, if one has nothing.

        Switched off, such a pair is only shown to the staff.
        """
        return bool(self.declared.get("JOIN", True))

    @property
    def DISPOSABLE_WITH(self) -> Sequence[str]:
        """Models (``"shop.Profile"``) whose rows do not keep a user from being disposable.

        For what the project makes for every user by itself.
        """
        return list(self.declared.get("DISPOSABLE_WITH", ()))

    @property
    def MERGE(self) -> Mapping[str, str]:
        """Model (``"shop.Profile"``) → what to do where two merged users both have a row.

        ``keep_target`` (the default), ``keep_source``, ``leave``, or the dotted path of a function
        ``(*, source, target)`` that changes the survivor's row.
        """
        rules: Mapping[str, str] = self.declared.get("MERGE", {})
        return rules

    @property
    def LINK_AUTHENTICATION(self) -> Sequence[str]:
        """Dotted paths of DRF authentication classes that ``link/`` takes besides our token."""
        return list(self.declared.get("LINK_AUTHENTICATION", ()))

    @property
    def LINK_ENDS_OTHERS(self) -> bool:
        """Whether linking and unlinking end the caller's logins on all other devices."""
        return bool(self.declared.get("LINK_ENDS_OTHERS", False))

    # -- pictures ------------------------------------------------------------------------------

    @property
    def LOCAL_MEDIA(self) -> bool:
        """Whether uploaded pictures are meant to lie on a disk of this machine in production."""
        return bool(self.declared.get("LOCAL_MEDIA", False))

    # -- encrypted data ------------------------------------------------------------------------

    @property
    def DATA_MAX_AGE(self) -> int:
        """How old encrypted data may be by its watermark; 0 switches the question off."""
        return int(self.declared.get("DATA_MAX_AGE", 300))

    @property
    def REQUIRE_WATERMARK(self) -> bool:
        """Whether open data other than user info and phone numbers must carry a watermark too.

        User info and phone numbers always must (protocol: 3.2).
        """
        return bool(self.declared.get("REQUIRE_WATERMARK", True))

    # -- secrets at rest -----------------------------------------------------------------------

    @property
    def ENCRYPTION_KEYS(self) -> Sequence[str]:
        """Newest first: the first seals, all open. Each is URL-safe base64 of 32 random bytes."""
        keys = self.declared.get("ENCRYPTION_KEYS", ())
        if not (
            keys and isinstance(keys, (list, tuple)) and all(isinstance(key, str) for key in keys)
        ):
            raise ImproperlyConfigured(
                'WXAUTH["ENCRYPTION_KEYS"] must be a list of keys; make one with '
                "manage.py wxauth_generate_key."
            )
        return list(keys)

    @property
    def LOOKUP_KEY(self) -> str:
        """The key of the hashes by which a phone number is found. Never rotated in place."""
        key = self.declared.get("LOOKUP_KEY")
        if not isinstance(key, str) or not key:
            raise ImproperlyConfigured(
                'WXAUTH["LOOKUP_KEY"] is missing; make one with manage.py wxauth_generate_key.'
            )
        return key

    # -- taking one's data back ----------------------------------------------------------------

    @property
    def DELETION_DAYS(self) -> int:
        """Days between asking for deletion (注销) and being deleted."""
        return int(self.declared.get("DELETION_DAYS", 7))

    @property
    def RETENTION(self) -> dict[str, int]:
        """How many days something is kept, by what it is."""
        declared = self.declared.get("RETENTION", {})
        days = {**RETENTION, **declared} if isinstance(declared, Mapping) else {}
        if days.keys() != RETENTION.keys() or not all(map(is_days, days.values())):
            raise ImproperlyConfigured(
                'WXAUTH["RETENTION"] is not well-formed; manage.py check says where.'
            )
        return days

    # -- limits --------------------------------------------------------------------------------

    @property
    def LIMITS(self) -> dict[str, Rate]:
        """How often somebody may ask, by the name of the limit."""
        declared = self.declared.get("LIMITS", {})
        texts = {**LIMITS, **declared} if isinstance(declared, Mapping) else {}
        matches = {name: RATE.fullmatch(str(text)) for name, text in texts.items()}
        rates = {
            name: Rate(int(match[1]), PERIODS[match[2]]) for name, match in matches.items() if match
        }
        if rates.keys() != LIMITS.keys() or len(texts) != len(LIMITS):
            raise ImproperlyConfigured(
                'WXAUTH["LIMITS"] is not well-formed; manage.py check says where.'
            )
        return rates

    @property
    def CACHE(self) -> str:
        """The alias in ``CACHES`` of what the processes share: counters and claims of codes."""
        return str(self.declared.get("CACHE", "default"))

    # -- HTTP ----------------------------------------------------------------------------------

    @property
    def TRUSTED_PROXIES(self) -> int:
        """How many proxies stand in front, each adding one address to X-Forwarded-For."""
        return int(self.declared.get("TRUSTED_PROXIES", 0))

    @property
    def ENVELOPE(self) -> str | None:
        """Dotted path of ``(status, body) → (status, body)``, for front ends that want one."""
        value: str | None = self.declared.get("ENVELOPE")
        return value

    @property
    def USER_SERIALIZER(self) -> str:
        """Dotted path of the serializer of the user object, given a ``Person``."""
        return str(self.declared.get("USER_SERIALIZER", "wxauth.api.serializers.UserSerializer"))


#: The keys of ``WXAUTH``: whatever else stands there is a mistake that ``checks`` names.
KEYS = frozenset(name for name in vars(Settings) if name.isupper())

conf = Settings()
