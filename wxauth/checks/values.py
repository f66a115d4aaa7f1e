"""What kind of value a setting takes: a number, a switch, a dotted path; no other settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from django.core.checks import CheckMessage, Error
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from wxauth.adapter import Adapter
from wxauth.conf import KEYS

#: Setting, default, smallest value that makes sense.
NUMBERS = (
    ("TOKEN_TTL", 7 * 24 * 3600, 60),
    ("DATA_MAX_AGE", 300, 0),
    ("CONCURRENCY", 8, 1),
    ("PROCESSES", None, 1),
    ("THREADS", None, 1),
    ("TRUSTED_PROXIES", 0, 0),
)
#: True or False.
SWITCHES = (
    "CLOUD",
    "JOIN",
    "LINK_ENDS_OTHERS",
    "LOCAL_MEDIA",
    "PREFETCH",
    "REQUIRE_WATERMARK",
    "SANDBOX",
)


def check_unknown_keys(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key in declared:
        if key not in KEYS:
            yield Error(
                _("WXAUTH has no setting “%(key)s”.") % {"key": key},
                hint=_("The settings are: %(keys)s.") % {"keys": ", ".join(sorted(KEYS))},
                id="wxauth.E002",
            )


def check_numbers(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key, default, smallest in NUMBERS:
        value = declared.get(key, smallest)
        if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
            yield Error(
                _('WXAUTH["%(key)s"] must be a whole number of at least %(smallest)d.')
                % {"key": key, "smallest": smallest},
                hint=_("Left out, it is %(default)s.") % {"default": default},
                id="wxauth.E013",
            )


def check_switches(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key in SWITCHES:
        if not isinstance(declared.get(key, False), bool):
            yield Error(
                _('WXAUTH["%(key)s"] must be True or False.') % {"key": key},
                hint=_("“False” in quotes counts as true."),
                id="wxauth.E030",
            )


def check_paths(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    paths: Iterable[tuple[str, Callable[[Any], bool], str]] = (
        (
            "ADAPTER",
            lambda found: isinstance(found, type) and issubclass(found, Adapter),
            _("a subclass of wxauth.adapter.Adapter"),
        ),
        ("ENVELOPE", callable, _("a function (status, body) → (status, body)")),
        ("USER_SERIALIZER", callable, _("a serializer class")),
    )
    for key, fits, what in paths:
        if not declared.get(key):
            continue
        if not fits(find(declared[key])):
            yield Error(
                _('WXAUTH["%(key)s"] must be the dotted path of %(what)s.')
                % {"key": key, "what": what},
                hint=_("Compare it with the import that works in manage.py shell."),
                id="wxauth.E015",
            )


def find(path: Any) -> Any:
    """What this dotted path names, or None."""
    try:
        return import_string(path)
    except (ImportError, AttributeError, TypeError):
        return None
