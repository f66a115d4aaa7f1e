"""From settings to working parts. Dotted paths are resolved here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from .adapter import Adapter
from .conf import conf
from .crypto.keyring import Keyring, LookupKey
from .wechat.client import WeChatClient
from .wechat.transport import Transport

Envelope = Callable[[int, Any], "tuple[int, Any]"]


@cache
def get_transport() -> Transport:
    """The process's one connection pool to WeChat."""
    return Transport(conf.API_BASE, pool_size=conf.CONCURRENCY)


def get_client(appid: str | None = None) -> WeChatClient:
    """A client for this app. Cheap, and built anew each time: a new AppSecret counts at once."""
    return WeChatClient(conf.get_app(appid), get_transport())


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
            get_keyring,
            get_lookup_key,
            get_adapter,
            get_envelope,
            get_user_serializer,
        ):
            part.cache_clear()


setting_changed.connect(_rebuild, dispatch_uid="wxauth.wiring")
