"""The WeChat applications."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.checks import CheckMessage, Error
from django.utils.translation import gettext as _

from wxauth.conf import APPID, conf
from wxauth.crypto.push import AES_KEY
from wxauth.services.login.exchange import BROWSERS
from wxauth.types import Kind

from .values import find

APP_KEYS = frozenset({"SECRET", "KIND", "PLATFORM", "NAME", "ACCESS_TOKEN", "PUSH"})
PUSH_KEYS = frozenset({"TOKEN", "AES_KEYS"})
#: What every AppSecret looks like, and no appid.
APP_SECRET = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)


def check_apps(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    apps = declared.get("APPS", {})
    if not isinstance(apps, Mapping) or not all(isinstance(row, Mapping) for row in apps.values()):
        yield Error(
            _('WXAUTH["APPS"] must be a dict of dicts.'),
            hint='{"wx…": {"SECRET": "…"}}',
            id="wxauth.E003",
        )
        return
    for appid, row in apps.items():
        yield from _app(appid, row)


def _app(appid: Any, row: Mapping[str, Any]) -> Iterator[CheckMessage]:
    if not isinstance(appid, str) or not APPID.fullmatch(appid) or APP_SECRET.fullmatch(appid):
        # The mistake may be a secret in the appid's place: it is not repeated.
        yield Error(
            _('A key of WXAUTH["APPS"] is not an appid.'),
            hint=_("An appid is wx and 16 characters, as the console shows it (开发设置)."),
            id="wxauth.E004",
        )
        return
    secret = row.get("SECRET")
    if not isinstance(secret, str) or not secret.strip():
        yield Error(
            _("The app %(appid)s has no SECRET.") % {"appid": appid},
            hint=_("The AppSecret is in the console (开发设置); it is not the code upload key."),
            id="wxauth.E005",
        )
    if row.get("KIND", Kind.MINIPROGRAM) not in [kind.value for kind in Kind]:
        yield Error(
            _("The KIND of the app %(appid)s is not known.") % {"appid": appid},
            hint=_("One of: %(kinds)s.") % {"kinds": ", ".join(kind.value for kind in Kind)},
            id="wxauth.E006",
        )
    platform = row.get("PLATFORM", "default")
    if not isinstance(platform, str) or not 0 < len(platform) <= 32:
        yield Error(
            _("The PLATFORM of the app %(appid)s must be a text of 1 to 32 characters.")
            % {"appid": appid},
            hint=_("Any name of your own for the Open Platform account; most projects need none."),
            id="wxauth.E007",
        )
    source = row.get("ACCESS_TOKEN")
    if source and not callable(find(source)):
        yield Error(
            _("The ACCESS_TOKEN of the app %(appid)s must be the dotted path of a function.")
            % {"appid": appid},
            hint=_(
                "It takes the appid and returns the access_token; without it, wxauth obtains one."
            ),
            id="wxauth.E017",
        )
    if not _is_push(row.get("PUSH")):
        yield Error(
            _("The PUSH of the app %(appid)s is wrong.") % {"appid": appid},
            hint=_(
                "A dict with the TOKEN of the console (消息推送), and AES_KEYS, a list of its "
                "EncodingAESKey of 43 characters and of the one it had before."
            ),
            id="wxauth.E050",
        )
    for key in row:
        if key not in APP_KEYS:
            yield Error(
                _("The app %(appid)s has an unknown setting.") % {"appid": appid},
                hint=_("The settings of an app are: %(keys)s.")
                % {"keys": ", ".join(sorted(APP_KEYS))},
                id="wxauth.E008",
            )


def _is_push(row: Any) -> bool:
    if row is None:
        return True
    if not isinstance(row, Mapping) or not PUSH_KEYS.issuperset(row):
        return False
    token, keys = row.get("TOKEN"), row.get("AES_KEYS", [])
    return (
        isinstance(token, str)
        and bool(token.strip())
        and isinstance(keys, (list, tuple))
        and all(isinstance(key, str) and AES_KEY.fullmatch(key) for key in keys)
    )


def check_default_app(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    default, apps = declared.get("DEFAULT_APP"), declared.get("APPS", {})
    if not default or conf.SANDBOX or not isinstance(apps, Mapping):
        return
    if not isinstance(default, str) or default not in apps:
        yield Error(
            _('WXAUTH["DEFAULT_APP"] is not one of APPS.'),
            hint=_("It is the appid of a login that names none."),
            id="wxauth.E009",
        )
    elif _kind(apps[default]) in BROWSERS:
        yield Error(
            _('WXAUTH["DEFAULT_APP"] is an app that logs in through the browser.'),
            hint=_("It is the appid of a login that names none: a mini-program or a mobile app."),
            id="wxauth.E046",
        )


def _kind(row: Any) -> Any:
    return row.get("KIND") if isinstance(row, Mapping) else None
