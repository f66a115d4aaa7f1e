"""What the processes share: the cache, the connections, the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _

from wxauth.conf import conf
from wxauth.models import Login

#: Seconds that a cache may keep a request waiting.
CACHE_TIMEOUT = 0.25


def check_cache(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    cache = settings.CACHES.get(conf.CACHE)
    if cache is None:
        yield Error(
            _('WXAUTH["CACHE"] is not one of CACHES.'),
            hint=_("It is an alias; left out, it is “default”."),
            id="wxauth.E022",
        )
        return
    options = redis_options(cache)
    timeout = options and options.get("socket_timeout")
    if options is not None and not (
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


def redis_options(cache: Mapping[str, Any]) -> dict[str, Any] | None:
    """The options of a cache in Redis, or None of any other."""
    if "redis" not in str(cache.get("BACKEND")).lower():
        return None
    # django-redis spells its options in capitals.
    return {str(name).lower(): value for name, value in cache.get("OPTIONS", {}).items()}


def check_threads(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
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


def check_charset(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
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


def check_max_connections(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    """Every thread keeps a connection of its own."""
    question = {"postgresql": "SHOW max_connections", "mysql": "SELECT @@max_connections"}
    if conf.THREADS is None or conf.PROCESSES is None or connection.vendor not in question:
        return
    if _is_pooled(connection):
        return  # Having fewer than there are threads is what a pooler is for.
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


def check_pooler(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    """PgBouncer in transaction mode: a cursor is gone when the next rows are asked for."""
    if connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS") or not _is_pooled(connection):
        return
    yield Warning(
        _("A pooler stands before the database, and server-side cursors are not switched off."),
        hint=_(
            "In transaction mode QuerySet.iterator() fails, in the admin too: set "
            'DATABASES[…]["DISABLE_SERVER_SIDE_CURSORS"] to True (in this project: '
            "?DISABLE_SERVER_SIDE_CURSORS=True at the end of DATABASE_URL)."
        ),
        id="wxauth.W026",
    )


def _is_pooled(connection: BaseDatabaseWrapper) -> bool:
    """Whether the process at the other end is another than the one that let us in.

    A pooler answers a new connection by itself, with a number that it has made up.
    """
    if connection.vendor != "postgresql":
        return False
    process = _ask(connection, "SELECT pg_backend_pid()")
    return bool(process != connection.connection.info.backend_pid)


def _ask(connection: BaseDatabaseWrapper, question: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(question)
        (answer,) = cursor.fetchone()
    return answer
