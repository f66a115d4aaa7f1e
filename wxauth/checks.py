"""Every way to misconfigure wxauth has a number. No message repeats a secret.

``wxauth.E0xx`` stop the server wherever it runs. What is right on a developer's machine and wrong
in production (``wxauth.E1xx``, ``wxauth.W1xx``) is asked for by ``manage.py check --deploy``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps as registry
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from .adapter import Adapter
from .conf import APPID, KEYS, LIMITS, RATE, conf
from .crypto.keyring import Keyring, LookupKey
from .models import Login, Person
from .services import pictures
from .types import Kind

APP_KEYS = frozenset({"SECRET", "KIND", "PLATFORM", "NAME", "ACCESS_TOKEN"})
SIGNUPS = ("always", "phone", "closed")
#: What every AppSecret looks like, and no appid.
APP_SECRET = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)

#: Seconds that a cache may keep a request waiting.
CACHE_TIMEOUT = 0.25
#: Caches that no two processes share.
PRIVATE_CACHES = ("locmem.LocMemCache", "dummy.DummyCache")

#: Setting, default, smallest value that makes sense.
NUMBERS = (
    ("TOKEN_TTL", 7 * 24 * 3600, 60),
    ("DATA_MAX_AGE", 300, 0),
    ("CONCURRENCY", 8, 1),
    ("PROCESSES", None, 1),
    ("THREADS", None, 1),
    ("TRUSTED_PROXIES", 0, 0),
)


def check_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The dict itself. Where its shape is wrong, nothing else in it is looked at."""
    declared = getattr(settings, "WXAUTH", {})
    if not isinstance(declared, Mapping):
        return [
            Error(_("WXAUTH must be a dict."), hint='WXAUTH = {"APPS": {…}, …}', id="wxauth.E001")
        ]
    parts = (
        _unknown_keys,
        _apps,
        _default_app,
        _keys,
        _numbers,
        _words,
        _paths,
        _api_base,
        _limits,
        _cache,
        _threads,
        _people,
    )
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
    """What only the database itself knows."""
    alias = router.db_for_write(Login)
    if alias not in (databases or ()):
        return []
    return [*_charset(connections[alias]), *_connections(connections[alias])]


register(check_settings, "wxauth")
register(check_production, "wxauth", deploy=True)
register(check_database, Tags.database)


def _charset(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    """A connection that cannot carry four-byte characters loses every emoji."""
    if connection.vendor != "mysql":
        return
    charset = _ask(connection, "SELECT @@character_set_client")
    if charset != "utf8mb4":
        yield Error(
            _("The connection to the database speaks %(charset)s, which has no emoji.")
            % {"charset": charset},
            hint=_('Set DATABASES[…]["OPTIONS"]["charset"] to "utf8mb4".'),
            id="wxauth.E020",
        )


def _connections(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    """Every thread keeps a connection of its own."""
    question = {"postgresql": "SHOW max_connections", "mysql": "SELECT @@max_connections"}
    if conf.THREADS is None or conf.PROCESSES is None or connection.vendor not in question:
        return
    wanted = conf.THREADS * conf.PROCESSES
    there = int(_ask(connection, question[connection.vendor]))
    if wanted > there:
        yield Warning(
            _("%(wanted)d threads keep a connection each, and the database has only %(there)d.")
            % {"wanted": wanted, "there": there},
            hint=_(
                "Raise its max_connections, or run fewer processes or threads (in this project: "
                "WEB_CONCURRENCY, WEB_THREADS)."
            ),
            id="wxauth.W025",
        )


def _ask(connection: BaseDatabaseWrapper, question: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(question)
        (answer,) = cursor.fetchone()
    return answer


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
    if source and not callable(_find(source)):
        yield Error(
            _("The ACCESS_TOKEN of the app %(appid)s must be the dotted path of a function.")
            % {"appid": appid},
            hint=_(
                "It takes the appid and returns the access_token; without it, wxauth obtains one."
            ),
            id="wxauth.E017",
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
    default, apps = declared.get("DEFAULT_APP"), declared.get("APPS", {})
    if not default or conf.SANDBOX or not isinstance(apps, Mapping):
        return
    if not isinstance(default, str) or default not in apps:
        yield Error(
            _('WXAUTH["DEFAULT_APP"] is not one of APPS.'),
            hint=_("It is the appid of a login that names none."),
            id="wxauth.E009",
        )


def _keys(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
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


def _numbers(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key, default, smallest in NUMBERS:
        value = declared.get(key, smallest)
        if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
            yield Error(
                _('WXAUTH["%(key)s"] must be a whole number of at least %(smallest)d.')
                % {"key": key, "smallest": smallest},
                hint=_("Left out, it is %(default)s.") % {"default": default},
                id="wxauth.E013",
            )


def _words(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    if conf.SIGNUP not in SIGNUPS:
        yield Error(
            _('WXAUTH["SIGNUP"] must be one of: %(words)s.') % {"words": ", ".join(SIGNUPS)},
            hint=_("“closed” lets nobody in who is not there already."),
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
        if not fits(_find(declared[key])):
            yield Error(
                _('WXAUTH["%(key)s"] must be the dotted path of %(what)s.')
                % {"key": key, "what": what},
                hint=_("Compare it with the import that works in manage.py shell."),
                id="wxauth.E015",
            )


def _find(path: Any) -> Any:
    """What this dotted path names, or None."""
    try:
        return import_string(path)
    except (ImportError, AttributeError, TypeError):
        return None


def _people(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key in ("JOIN", "LINK_ENDS_OTHERS"):
        if not isinstance(declared.get(key, False), bool):
            yield Error(
                _('WXAUTH["%(key)s"] must be True or False.') % {"key": key},
                hint=_("“False” in quotes counts as true."),
                id="wxauth.E030",
            )
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
        if not all(callable(_find(path)) for path in paths):
            yield Error(
                _('WXAUTH["%(key)s"] names something that is not there.') % {"key": key},
                hint=hint,
                id="wxauth.E033",
            )


def _is_model(label: Any) -> bool:
    try:
        registry.get_model(label)
    except (LookupError, ValueError, AttributeError, TypeError):
        return False
    return True


def _api_base(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    base = declared.get("API_BASE")
    if not base:
        return
    if not (isinstance(base, str) and _is_address(base)):
        yield Error(
            _('WXAUTH["API_BASE"] must be an address such as https://api.weixin.qq.com.'),
            hint=_("http or https, a host, no user name, nothing after a question mark."),
            id="wxauth.E016",
        )


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    surplus = parts.query or parts.fragment or parts.username
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not surplus


def _limits(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    limits = declared.get("LIMITS", {})
    if not (
        isinstance(limits, Mapping)
        and all(name in LIMITS and RATE.fullmatch(str(rate)) for name, rate in limits.items())
    ):
        yield Error(
            _('WXAUTH["LIMITS"] must be a dict of rates such as {"login_openid": "30/min"}.'),
            hint=_("The limits are: %(names)s; a rate is a number per sec, min, hour or day.")
            % {"names": ", ".join(LIMITS)},
            id="wxauth.E021",
        )


def _cache(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    cache = settings.CACHES.get(conf.CACHE)
    if cache is None:
        yield Error(
            _('WXAUTH["CACHE"] is not one of CACHES.'),
            hint=_("It is an alias; left out, it is “default”."),
            id="wxauth.E022",
        )
        return
    # django-redis spells its options in capitals.
    options = {str(name).lower(): value for name, value in cache.get("OPTIONS", {}).items()}
    timeout = options.get("socket_timeout")
    if "redis" in str(cache["BACKEND"]).lower() and not (
        isinstance(timeout, (int, float)) and 0 < timeout <= CACHE_TIMEOUT
    ):
        yield Warning(
            _("The cache has no socket_timeout of at most %(seconds)s seconds.")
            % {"seconds": CACHE_TIMEOUT},
            hint=_(
                "A Redis that hangs would hold requests up for seconds: set socket_timeout and "
                'socket_connect_timeout in CACHES[…]["OPTIONS"].'
            ),
            id="wxauth.W021",
        )


def _threads(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    """What the threads of a process share: with less of it than threads, some wait for others."""
    threads, concurrency = conf.THREADS, declared.get("CONCURRENCY", 8)
    if threads is None or type(concurrency) is not int:
        return
    if concurrency * 2 > threads:
        yield Warning(
            _("%(concurrency)d calls to WeChat at once are more than half of %(threads)d threads.")
            % {"concurrency": concurrency, "threads": threads},
            hint=_(
                "A WeChat that hangs would leave too few for everybody else: lower "
                'WXAUTH["CONCURRENCY"], or give the server more threads (in this project: '
                "WXAUTH_CONCURRENCY, WEB_THREADS)."
            ),
            id="wxauth.W023",
        )
    pool = connections[router.db_for_write(Login)].settings_dict["OPTIONS"].get("pool")
    if pool:
        # 4 and min_size are psycopg's own defaults.
        sizes = {"min_size": 4, **(pool if isinstance(pool, Mapping) else {})}
        pool = sizes.get("max_size") or sizes["min_size"]
    cache = settings.CACHES.get(conf.CACHE, {}).get("OPTIONS", {}).get("max_connections")
    for name, size in (
        ('DATABASES[…]["OPTIONS"]["pool"]["max_size"]', pool),
        ('CACHES[…]["OPTIONS"]["max_connections"]', cache),
    ):
        if isinstance(size, int) and 0 < size < threads:
            yield Warning(
                _("%(name)s is %(size)d, less than the %(threads)d threads that share it.")
                % {"name": name, "size": size, "threads": threads},
                hint=_("Raise it to the number of threads, or leave it out."),
                id="wxauth.W024",
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
    if str(declared.get("API_BASE", "")).lower().startswith("http:"):
        yield Error(
            _('WXAUTH["API_BASE"] is not https: the AppSecret would travel in the clear.'),
            hint=_('Remove WXAUTH["API_BASE"], or give the proxy a certificate.'),
            id="wxauth.E103",
        )
    if declared.get("DATA_MAX_AGE") == 0:
        yield Warning(
            _('WXAUTH["DATA_MAX_AGE"] is 0: encrypted data of any age is taken.'),
            hint=_('Remove WXAUTH["DATA_MAX_AGE"], or set it to some minutes.'),
            id="wxauth.W101",
        )
    alias = router.db_for_write(Login)
    if connections[alias].settings_dict["CONN_MAX_AGE"] == 0:
        yield Warning(
            _("CONN_MAX_AGE is 0: every request opens a database connection of its own."),
            hint=_("Set it above 0, with CONN_HEALTH_CHECKS."),
            id="wxauth.W102",
        )
    if str(settings.CACHES.get(conf.CACHE, {}).get("BACKEND")).endswith(PRIVATE_CACHES):
        yield Warning(
            _("The cache belongs to one process: each counts its limits by itself."),
            hint=_("Share one, such as Redis (in this project: CACHE_URL)."),
            id="wxauth.W103",
        )
    if not pictures.HAS_PILLOW:
        yield Warning(
            _("Pillow is not installed: nobody can upload a picture."),
            hint=_("Install django-wxauth[avatars]."),
            id="wxauth.W104",
        )
    elif isinstance(_avatar_storage(), FileSystemStorage) and not conf.LOCAL_MEDIA:
        yield Error(
            _("Pictures are stored on a disk of this machine, where no other machine finds them."),
            hint=_(
                'Set STORAGES["default"] to object storage (in this project: MEDIA_STORAGE), or '
                'WXAUTH["LOCAL_MEDIA"] to True if it is meant (WXAUTH_LOCAL_MEDIA).'
            ),
            id="wxauth.E104",
        )


def _avatar_storage() -> Any:
    field: Any = Person._meta.get_field("avatar")
    return field.storage
