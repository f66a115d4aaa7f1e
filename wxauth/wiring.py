"""From settings to working parts. Dotted paths are resolved here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, update_wrapper
from threading import RLock
from typing import Any, ClassVar, Generic, ParamSpec, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.db import connections
from django.utils.module_loading import import_string

from .access_token_store import DatabaseAccessTokenStore
from .adapter import Adapter
from .conf import conf
from .crypto.keyring import Keyring, LookupKey
from .types import App, Secret
from .wechat.access_token import AccessTokens
from .wechat.client import WeChatClient
from .wechat.gate import Gate
from .wechat.guard import Guard
from .wechat.source import AccessTokenSource, OwnAccessTokens
from .wechat.transport import Transport

P = ParamSpec("P")
T = TypeVar("T")

Envelope = Callable[[int, Any], "tuple[int, Any]"]


class Part(Generic[P, T]):
    """A working part: built once for its arguments, by whoever asks first, and kept.

    The others wait for that one, so that a burst at start-up does not make several bulkheads that
    each let all of it through. What cannot be built is not kept: the next one tries again.

    Each part has a lock of its own, and the thread that is building may ask for the part again. A
    lock for all would be a deadlock where building imports a module of the project's while
    another thread, which holds the lock of that very import, asks for some other part.
    """

    #: Every part there is: to decorate a function is to register it for new settings.
    every: ClassVar[list[Part[..., Any]]] = []

    def __init__(self, build: Callable[P, T]) -> None:
        update_wrapper(self, build)
        self._get = cache(build)
        self._lock = RLock()
        self.every.append(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            return self._get(*args, **kwargs)  # type: ignore[arg-type]  # they are hashable

    def forget(self) -> None:
        """Build anew when somebody asks. Waits for whoever is building with old settings."""
        with self._lock:
            self._get.cache_clear()


@Part
def get_transport() -> Transport:
    """The process's one connection pool to WeChat."""
    return Transport(conf.API_BASE, pool_size=conf.CONCURRENCY)


def get_client(app: App) -> WeChatClient:
    """A client for this app. Cheap, and built anew each time: a new AppSecret counts at once."""
    return WeChatClient(
        app, get_transport(), guard=get_guard(), access_tokens=get_access_token_source(app)
    )


@Part
def get_guard() -> Guard:
    """The process's one bulkhead, and a circuit per app and group of endpoints."""
    return Guard(conf.CONCURRENCY)


def get_access_token_source(app: App) -> AccessTokenSource:
    """Where the access_token of this app comes from."""
    return get_own_access_tokens(app.access_token) if app.access_token else get_access_tokens()


@Part
def get_access_tokens() -> AccessTokens:
    """What this process knows of the access_tokens that all processes share."""
    return AccessTokens(DatabaseAccessTokenStore(get_keyring), _fetch_access_token)


def _fetch_access_token(appid: str) -> tuple[Secret, int]:
    return get_client(conf.get_app(appid)).stable_access_token()


@Part
def get_own_access_tokens(path: str) -> OwnAccessTokens:
    """The project's own source of access_tokens."""
    source = import_string(path)

    def ask(appid: str) -> str:
        try:
            token: str = source(appid)
            return token
        finally:
            # It runs in a thread of its own, whose connections nobody else would close.
            connections.close_all()

    return OwnAccessTokens(ask, Gate(conf.CONCURRENCY))


@Part
def get_keyring() -> Keyring:
    try:
        return Keyring(conf.ENCRYPTION_KEYS)
    except ValueError as error:
        raise ImproperlyConfigured(f'WXAUTH["ENCRYPTION_KEYS"]: {error}') from None


@Part
def get_lookup_key() -> LookupKey:
    try:
        return LookupKey(conf.LOOKUP_KEY)
    except ValueError as error:
        raise ImproperlyConfigured(f'WXAUTH["LOOKUP_KEY"]: {error}') from None


@Part
def get_adapter() -> Adapter:
    adapter = import_string(conf.ADAPTER)
    if not (isinstance(adapter, type) and issubclass(adapter, Adapter)):
        raise ImproperlyConfigured('WXAUTH["ADAPTER"] must name a subclass of Adapter.')
    return adapter()


@Part
def get_merge_rules() -> dict[str, Any]:
    """Model label in lower case → one of the words, or the project's function."""
    words = ("keep_target", "keep_source", "leave")
    return {
        label.lower(): rule if rule in words else import_string(rule)
        for label, rule in conf.MERGE.items()
    }


@Part
def get_link_authentication() -> list[Any]:
    """The DRF authentication classes that ``link/`` takes besides our token."""
    return [import_string(path) for path in conf.LINK_AUTHENTICATION]


@Part
def get_envelope() -> Envelope | None:
    if conf.ENVELOPE is None:
        return None
    envelope: Envelope = import_string(conf.ENVELOPE)
    return envelope


@Part
def get_user_serializer() -> Any:
    """The serializer class of the user object."""
    return import_string(conf.USER_SERIALIZER)


def _rebuild(*, setting: str, **kwargs: Any) -> None:
    # DEBUG decides whether the sandbox exists, and with it where WeChat is.
    if setting in {"WXAUTH", "DEBUG"}:
        for part in Part.every:
            part.forget()


setting_changed.connect(_rebuild, dispatch_uid="wxauth.wiring")
