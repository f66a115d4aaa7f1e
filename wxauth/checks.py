"""Every way to misconfigure wxauth has a number. No message repeats a secret.

``wxauth.E0xx`` stop the server wherever it runs. What is right on a developer's machine and wrong
in production (``wxauth.E1xx``, ``wxauth.W1xx``) is asked for by ``manage.py check --deploy``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from .adapter import Adapter
from .conf import APPID, KEYS, conf
from .crypto.keyring import Keyring, LookupKey
from .models import Login
from .types import Kind

APP_KEYS = frozenset({"SECRET", "KIND", "PLATFORM", "NAME"})
SIGNUPS = ("always", "closed")

#: Setting, default, smallest value that makes sense.
NUMBERS = (
    ("TOKEN_TTL", 7 * 24 * 3600, 60),
    ("DATA_MAX_AGE", 300, 0),
    ("CONCURRENCY", 8, 1),
    ("TRUSTED_PROXIES", 0, 0),
)


def check_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The dict itself. Where its shape is wrong, nothing else in it is looked at."""
    declared = getattr(settings, "WXAUTH", {})
    if not isinstance(declared, Mapping):
        return [Error(_("WXAUTH must be a dict."), id="wxauth.E001")]
    parts = (_unknown_keys, _apps, _default_app, _keys, _numbers, _words, _paths, _api_base)
    return [message for part in parts for message in part(declared)]


def check_production(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """What a developer may do and a server may not."""
    declared = getattr(settings, "WXAUTH", {})
    if not isinstance(declared, Mapping):
        return []
    return list(_production(declared))


def check_database(
    app_configs: Any = None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """A connection that cannot carry four-byte characters loses every emoji."""
    alias = router.db_for_write(Login)
    if alias not in (databases or ()) or connections[alias].vendor != "mysql":
        return []
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT @@character_set_client")
        (charset,) = cursor.fetchone()
    if charset == "utf8mb4":
        return []
    return [
        Error(
            _("The connection to the database speaks %(charset)s, which has no emoji.")
            % {"charset": charset},
            hint=_('Set DATABASES[…]["OPTIONS"]["charset"] to "utf8mb4".'),
            id="wxauth.E020",
        )
    ]


register(check_settings, "wxauth")
register(check_production, "wxauth", deploy=True)
register(check_database, Tags.database)


def _unknown_keys(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key in declared:
        if key not in KEYS:
            yield Error(
                _("WXAUTH has no setting “%(key)s”.") % {"key": key},
                hint=_("The settings are: %(keys)s.") % {"keys": ", ".join(sorted(KEYS))},
                id="wxauth.E002",
            )


def _apps(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
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
    if not isinstance(appid, str) or not APPID.fullmatch(appid):
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
            id="wxauth.E007",
        )
    for key in row:
        if key not in APP_KEYS:
            yield Error(
                _("The app %(appid)s has an unknown setting.") % {"appid": appid},
                hint=_("The settings of an app are: %(keys)s.")
                % {"keys": ", ".join(sorted(APP_KEYS))},
                id="wxauth.E008",
            )


def _default_app(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    default = declared.get("DEFAULT_APP")
    if default and default not in declared.get("APPS", {}) and not conf.SANDBOX:
        yield Error(_('WXAUTH["DEFAULT_APP"] is not one of APPS.'), id="wxauth.E009")


def _keys(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    hint = _("Make a key with manage.py wxauth_generate_key.")
    yield from _usable(lambda: Keyring(conf.ENCRYPTION_KEYS), "ENCRYPTION_KEYS", hint, "E010")
    yield from _usable(lambda: LookupKey(conf.LOOKUP_KEY), "LOOKUP_KEY", hint, "E011")
    if declared.get("LOOKUP_KEY") and declared["LOOKUP_KEY"] in declared.get("ENCRYPTION_KEYS", ()):
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


def _numbers(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key, default, smallest in NUMBERS:
        value = declared.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
            yield Error(
                _('WXAUTH["%(key)s"] must be a whole number of at least %(smallest)d.')
                % {"key": key, "smallest": smallest},
                id="wxauth.E013",
            )


def _words(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    if conf.SIGNUP not in SIGNUPS:
        yield Error(
            _('WXAUTH["SIGNUP"] must be one of: %(words)s.') % {"words": ", ".join(SIGNUPS)},
            id="wxauth.E014",
        )


def _paths(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
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
        try:
            found = import_string(declared[key])
        except (ImportError, AttributeError, TypeError):
            found = None
        if not fits(found):
            yield Error(
                _('WXAUTH["%(key)s"] must be the dotted path of %(what)s.')
                % {"key": key, "what": what},
                id="wxauth.E015",
            )


def _api_base(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    base = declared.get("API_BASE")
    if not base:
        return
    parts = urlsplit(base) if isinstance(base, str) else None
    if (
        parts is None
        or parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.query
        or parts.fragment
        or parts.username
    ):
        yield Error(
            _('WXAUTH["API_BASE"] must be an address such as https://api.weixin.qq.com.'),
            id="wxauth.E016",
        )


def _production(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    if not declared.get("APPS"):
        yield Error(
            _("No WeChat app is configured."),
            hint=_('Set WXAUTH["APPS"] (in this project: WXAUTH_APPID and WXAUTH_SECRET).'),
            id="wxauth.E101",
        )
    if declared.get("SANDBOX"):
        yield Error(
            _("The sandbox is switched on: anybody would be let in as anybody."),
            hint=_('Remove WXAUTH["SANDBOX"].'),
            id="wxauth.E102",
        )
    if not conf.API_BASE.startswith("https://"):
        yield Error(
            _('WXAUTH["API_BASE"] is not https: the AppSecret would travel in the clear.'),
            id="wxauth.E103",
        )
    if conf.DATA_MAX_AGE == 0:
        yield Warning(
            _('WXAUTH["DATA_MAX_AGE"] is 0: encrypted data of any age is taken.'),
            id="wxauth.W101",
        )
    alias = router.db_for_write(Login)
    if settings.DATABASES[alias].get("CONN_MAX_AGE") == 0:
        yield Warning(
            _("CONN_MAX_AGE is 0: every request opens a database connection of its own."),
            hint=_("Set it above 0, with CONN_HEALTH_CHECKS."),
            id="wxauth.W102",
        )
