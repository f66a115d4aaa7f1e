"""The keys of what is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from wxauth.conf import conf
from wxauth.crypto.keyring import Keyring, LookupKey


def check_keys(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    hint = _("Make a key with manage.py wxauth_generate_key.")
    yield from _usable(lambda: Keyring(conf.ENCRYPTION_KEYS), "ENCRYPTION_KEYS", hint, "E010")
    yield from _usable(lambda: LookupKey(conf.LOOKUP_KEY), "LOOKUP_KEY", hint, "E011")
    lookup, keys = declared.get("LOOKUP_KEY"), declared.get("ENCRYPTION_KEYS")
    if lookup and isinstance(keys, (list, tuple)) and lookup in keys:
        yield Error(
            _('WXAUTH["LOOKUP_KEY"] must be a key of its own.'), hint=hint, id="wxauth.E012"
        )


def _usable(
    build: Callable[[], object], key: str, hint: str, number: str
) -> Iterator[CheckMessage]:
    try:
        build()
    except (ImproperlyConfigured, ValueError) as error:
        yield Error(f'WXAUTH["{key}"]: {error}', hint=hint, id=f"wxauth.{number}")
