"""Who may become a user, and who is one person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.utils.translation import gettext as _

from wxauth.conf import MAX_DELETION_DAYS, RETENTION, conf, is_days

from .values import find

SIGNUPS = ("always", "phone", "closed")


def check_signup(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    if conf.SIGNUP not in SIGNUPS:
        yield Error(
            _('WXAUTH["SIGNUP"] must be one of: %(words)s.') % {"words": ", ".join(SIGNUPS)},
            hint=_("“closed” lets nobody in who is not there already."),
            id="wxauth.E014",
        )


def check_merging(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key, kind in (
        ("DISPOSABLE_WITH", (list, tuple)),
        ("LINK_AUTHENTICATION", (list, tuple)),
        ("MERGE", (dict,)),
    ):
        if not isinstance(declared.get(key, kind[0]()), kind):
            yield Error(
                _('WXAUTH["%(key)s"] has the wrong shape.') % {"key": key},
                hint=_("DISPOSABLE_WITH and LINK_AUTHENTICATION are lists, MERGE is a dict."),
                id="wxauth.E031",
            )
            return
    for key in ("DISPOSABLE_WITH", "MERGE"):
        if not all(_is_model(label) for label in declared.get(key, ())):
            yield Error(
                _('WXAUTH["%(key)s"] names a model that is not there.') % {"key": key},
                hint=_('Labels such as "shop.Profile", of installed apps.'),
                id="wxauth.E032",
            )
    words = ("keep_target", "keep_source", "leave")
    rules = [rule for rule in declared.get("MERGE", {}).values() if rule not in words]
    for key, paths, hint in (
        (
            "MERGE",
            rules,
            _("keep_target, keep_source, leave, or the path of a function (*, source, target)."),
        ),
        (
            "LINK_AUTHENTICATION",
            declared.get("LINK_AUTHENTICATION", ()),
            _("Dotted paths of authentication classes of Django REST framework."),
        ),
    ):
        if not all(callable(find(path)) for path in paths):
            yield Error(
                _('WXAUTH["%(key)s"] names something that is not there.') % {"key": key},
                hint=hint,
                id="wxauth.E033",
            )


def check_data(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    """How long what is kept about people is kept."""
    days = declared.get("DELETION_DAYS", 0)
    if not is_days(days) or days > MAX_DELETION_DAYS:
        yield Error(
            _('WXAUTH["DELETION_DAYS"] must be a whole number from 0 to %(most)d.')
            % {"most": MAX_DELETION_DAYS},
            hint=_("WeChat's rules allow fifteen working days for it. Left out, it is 7."),
            id="wxauth.E060",
        )
    kept = declared.get("RETENTION", {})
    if not (isinstance(kept, Mapping) and set(kept) <= set(RETENTION)) or not all(
        map(is_days, kept.values())
    ):
        yield Error(
            _('WXAUTH["RETENTION"] must be a dict of days such as {"logins": 180}.'),
            hint=_("What it names: %(names)s.") % {"names": ", ".join(RETENTION)},
            id="wxauth.E061",
        )


def _is_model(label: Any) -> bool:
    try:
        apps.get_model(label)
    except (LookupError, ValueError, AttributeError, TypeError):
        return False
    return True
