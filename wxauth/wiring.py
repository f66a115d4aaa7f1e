"""From settings to working parts. Dotted paths are resolved here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.db import connections
from django.utils.module_loading import import_string

from .adapter import Adapter
from .conf import conf
from .crypto.keyring import Keyring, LookupKey
from .token_store import DatabaseTokenStore
from .types import App, Secret
from .wechat.access_token import AccessTokens
from .wechat.client import WeChatClient
from .wechat.gate import Gate
from .wechat.guard import Guard
from .wechat.source import OwnTokens, TokenSource
from .wechat.transport import Transport

Envelope = Callable[[int, Any], "tuple[int, Any]"]


@cache
def get_transport() -> Transport:
    """The process's one connection pool to WeChat."""
    return Transport(conf.API_BASE, pool_size=conf.CONCURRENCY)


def get_client(appid: str | None = None) -> WeChatClient:
    """A client for this app. Cheap, and built anew each time: a new AppSecret counts at once."""
    app = conf.get_app(appid)
    return WeChatClient(app, get_transport(), guard=get_guard(), tokens=get_token_source(app))


@cache
def get_guard() -> Guard:
    """The process's one bulkhead, and a circuit per app and group of endpoints."""
    return Guard(conf.CONCURRENCY)


def get_token_source(app: App) -> TokenSource:
    """Where the access_token of this app comes from."""
    return get_own_tokens(app.access_token) if app.access_token else get_access_tokens()


@cache
def get_access_tokens() -> AccessTokens:
    """What this process knows of the access_tokens that all processes share."""
    return AccessTokens(DatabaseTokenStore(get_keyring), _fetch_access_token)


def _fetch_access_token(appid: str) -> tuple[Secret, int]:
    return get_client(appid).stable_access_token()


@cache
def get_own_tokens(path: str) -> OwnTokens:
    """The project's own source of access_tokens."""
    source = import_string(path)

    def ask(appid: str) -> str:
        try:
            token: str = source(appid)
            return token
        finally:
            # It runs in a thread of its own, whose connections nobody else would close.
            connections.close_all()

    return OwnTokens(ask, Gate(conf.CONCURRENCY))


@cache
def get_keyring() -> Keyring:
    try:
        return Keyring(conf.ENCRYPTION_KEYS)
    except ValueError as error:
        raise ImproperlyConfigured(f'WXAUTH["ENCRYPTION_KEYS"]: {error}') from None


@cache
def get_lookup_key() -> LookupKey:
    try:
        return LookupKey(conf.LOOKUP_KEY)
    except ValueError as error:
        raise ImproperlyConfigured(f'WXAUTH["LOOKUP_KEY"]: {error}') from None


@cache
def get_adapter() -> Adapter:
    adapter = import_string(conf.ADAPTER)
    if not (isinstance(adapter, type) and issubclass(adapter, Adapter)):
        raise ImproperlyConfigured('WXAUTH["ADAPTER"] must name a subclass of Adapter.')
    return adapter()


@cache
def get_merge_rules() -> dict[str, Any]:
    """Model label in lower case → one of the words, or the project's function."""
    words = ("keep_target", "keep_source", "leave")
    return {
        label.lower(): rule if rule in words else import_string(rule)
        for label, rule in conf.MERGE.items()
    }


@cache
def get_link_authentication() -> list[Any]:
    """The DRF authentication classes that ``link/`` takes besides our token."""
    return [import_string(path) for path in conf.LINK_AUTHENTICATION]


@cache
def get_envelope() -> Envelope | None:
    if conf.ENVELOPE is None:
        return None
    envelope: Envelope = import_string(conf.ENVELOPE)
    return envelope


@cache
def get_user_serializer() -> Any:
    """The serializer class of the user object."""
    return import_string(conf.USER_SERIALIZER)


def _rebuild(*, setting: str, **kwargs: Any) -> None:
    # DEBUG decides whether the sandbox exists, and with it where WeChat is.
    if setting in {"WXAUTH", "DEBUG"}:
        for part in (
            get_transport,
            get_guard,
            get_access_tokens,
            get_own_tokens,
            get_keyring,
            get_lookup_key,
            get_adapter,
            get_merge_rules,
            get_link_authentication,
            get_envelope,
            get_user_serializer,
        ):
            part.cache_clear()


setting_changed.connect(_rebuild, dispatch_uid="wxauth.wiring")
