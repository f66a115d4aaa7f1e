"""What the fake WeChat knows: apps, people and their session keys."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from . import cipher
from .people import DEFAULT, FakePerson, Unknown, default_people

#: The one AppSecret of apps that nobody added, under ``any_app``.
ANY_SECRET = "sandbox"  # noqa: S105 -- nothing is secret about it
#: What an app can be.
KINDS = ("miniprogram", "mobileapp", "website", "officialaccount")
#: The app that is meant where no app was added and none is named.
ANY_APPID = "wx5a4db0c0ffee0001"


@dataclass(frozen=True)
class FakeApp:
    """One application. ``platform`` is its Open Platform account, None if it is bound to none;
    ``kind`` is one of ``KINDS``."""

    secret: str = field(repr=False)
    platform: str | None
    kind: str = "miniprogram"
    #: The host that the console knows (授权回调域, 网页授权域名); None: any.
    domain: str | None = None


class State:
    """The part of ``FakeWeChat`` that its phone side and its server side share."""

    def __init__(
        self,
        *,
        any_app: bool = False,
        default_appid: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.any_app = any_app
        self.clock = clock
        self._default_appid = default_appid
        self._lock = threading.RLock()
        self._apps: dict[str, FakeApp] = {}
        self._people = {person.name: person for person in default_people()}
        self._chosen: dict[tuple[str, str], FakePerson] = {}
        self._session_keys: dict[tuple[str, str], str] = {}

    # -- apps and people -----------------------------------------------------------------------

    def add_app(
        self,
        appid: str,
        secret: str,
        *,
        platform: str | None = "default",
        kind: str = "miniprogram",
        domain: str | None = None,
    ) -> None:
        """Let an app exist, or change it. ``platform`` is its Open Platform account, the scope
        of a unionid; None: it is bound to none, and logins yield no unionid. ``kind`` is
        ``miniprogram``, ``mobileapp``, ``website`` or ``officialaccount``, else ``ValueError``.
        ``domain`` is the one host that browsers may come back to (授权回调域); None: any."""
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}.")
        with self._lock:
            self._apps[appid] = FakeApp(secret, platform, kind, domain)

    @property
    def default_appid(self) -> str:
        return self._default_appid or next(iter(self._apps), ANY_APPID)

    def add_person(
        self,
        name: str,
        *,
        appid: str | None = None,
        openid: str | None = None,
        unionid: str | None = "",
        session_key: str | None = None,
        nickname: str | None = None,
        avatar_url: str | None = None,
        phone: str | None = None,
        country_code: str | None = None,
    ) -> FakePerson:
        """Let a person exist, or add to one who does; whatever is not chosen is derived.

        ``openid`` and ``session_key`` are those in the app ``appid``, ``unionid`` the one on its
        platform (None: WeChat gives none). ``phone`` comes without its country code.
        Raises ``ValueError`` for a session_key that is none and for an openid that is somebody
        else's; then nothing has changed.
        """
        profile = {
            "nickname": nickname,
            "avatar_url": avatar_url,
            "phone": phone,
            "country_code": country_code,
        }
        with self._lock:
            person = self._people.get(name) or FakePerson(name)
            if appid or openid or session_key or unionid != "":
                self._choose_ids(person, appid, openid, unionid, session_key)
            for key, value in profile.items():
                if value is not None:
                    setattr(person, key, value)
            self._people[name] = person
            return person

    def _choose_ids(
        self,
        person: FakePerson,
        appid: str | None,
        openid: str | None,
        unionid: str | None,
        session_key: str | None,
    ) -> None:
        appid, app = self._app(appid)
        if session_key is not None:
            cipher.key_bytes(session_key)
        if openid is not None:
            if self._chosen.get((appid, openid), person) is not person:
                raise ValueError(f"The openid {openid} in {appid} belongs to somebody else.")
            self._chosen.pop((appid, person.openid(appid)), None)
            self._chosen[appid, openid] = person
            person.openids[appid] = openid
        if unionid != "" and app.platform is not None:
            person.unionids[app.platform] = unionid
        if session_key is not None:
            self._session_keys[appid, person.openid(appid)] = session_key

    @property
    def people(self) -> list[str]:
        """The names of everybody there is."""
        with self._lock:
            return list(self._people)

    def person(self, name: str = DEFAULT) -> FakePerson:
        """The person of this name."""
        with self._lock:
            try:
                return self._people[name]
            except KeyError:
                raise Unknown(f"There is no person named {name!r}.") from None

    def person_of(self, openid: str, appid: str | None = None) -> FakePerson:
        """The person whose openid this is."""
        with self._lock:
            appid, _ = self._app(appid)
            if (appid, openid) in self._chosen:
                return self._chosen[appid, openid]
            for person in self._people.values():
                if person.openid(appid) == openid:
                    return person
            raise Unknown(f"Nobody has the openid {openid!r} in {appid}.")

    # -- session keys --------------------------------------------------------------------------

    def session_key(self, person: FakePerson | str | None = None, appid: str | None = None) -> str:
        """The session_key that is valid now; there is exactly one per person and app."""
        with self._lock:
            who, appid, _ = self._resolve(person, appid)
            key = (appid, who.openid(appid))
            if key not in self._session_keys:
                self._session_keys[key] = cipher.new_session_key()
            return self._session_keys[key]

    def set_session_key(
        self, session_key: str, person: FakePerson | str | None = None, appid: str | None = None
    ) -> None:
        """Choose the session_key: base64 of 16 bytes, else ``ValueError``."""
        cipher.key_bytes(session_key)
        with self._lock:
            who, appid, _ = self._resolve(person, appid)
            self._session_keys[appid, who.openid(appid)] = session_key

    def rotate_session_key(
        self, person: FakePerson | str | None = None, appid: str | None = None
    ) -> str:
        """Let WeChat replace the session_key; the server learns the new one at the next login."""
        key = cipher.new_session_key()
        self.set_session_key(key, person, appid)
        return key

    # -- helpers -------------------------------------------------------------------------------

    def _app(self, appid: str | None) -> tuple[str, FakeApp]:
        appid = self.default_appid if appid is None else appid
        app = self._apps.get(appid)
        if app is None and self.any_app:
            app = FakeApp(ANY_SECRET, "default")
        if app is None:
            raise Unknown(f"There is no app {appid!r}.")
        return appid, app

    def _resolve(
        self, person: FakePerson | str | None, appid: str | None
    ) -> tuple[FakePerson, str, FakeApp]:
        if not isinstance(person, FakePerson):
            person = self.person(DEFAULT if person is None else person)
        return person, *self._app(appid)
