"""Every way to misconfigure wxauth has a number. No message repeats a secret.

``wxauth.E0xx`` stop the server wherever it runs. What is right on a developer's machine and wrong
in production (``wxauth.E1xx``, ``wxauth.W1xx``) is asked for by ``manage.py check --deploy``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connections, router
from django.utils.translation import gettext as _

from wxauth.models import Login

from . import apps, browsers, cloud, http, keys, people, production, servers, values

#: In the order in which their messages stand.
PARTS = (
    values.check_unknown_keys,
    apps.check_apps,
    apps.check_default_app,
    keys.check_keys,
    values.check_numbers,
    values.check_switches,
    people.check_signup,
    values.check_paths,
    http.check_bases,
    http.check_limits,
    servers.check_cache,
    servers.check_threads,
    people.check_merging,
    cloud.check_environment,
    browsers.check_staff,
    browsers.check_browsers,
    people.check_data,
)


def check_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The dict itself. Where its shape is wrong, nothing else in it is looked at."""
    declared = getattr(settings, "WXAUTH", {})
    if not isinstance(declared, Mapping):
        return [
            Error(_("WXAUTH must be a dict."), hint='WXAUTH = {"APPS": {…}, …}', id="wxauth.E001")
        ]
    return [message for part in PARTS for message in part(declared)]


def check_production(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """What a developer may do and a server may not."""
    declared = getattr(settings, "WXAUTH", {})
    if not isinstance(declared, Mapping):
        return []
    return [*production.check_production(declared), *cloud.check_access(declared)]


def check_database(
    app_configs: Any = None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """What only the database itself knows."""
    alias = router.db_for_write(Login)
    if alias not in (databases or ()):
        return []
    return [
        *servers.check_charset(connections[alias]),
        *servers.check_max_connections(connections[alias]),
        *servers.check_pooler(connections[alias]),
    ]


def check_deletions(
    app_configs: Any = None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Accounts that should be deleted by now."""
    if router.db_for_write(Login) not in (databases or ()):
        return []
    try:
        return list(production.check_deletions())
    except DatabaseError:
        return []  # Before the first migrate there is no such table, and nobody in it.


register(check_settings, "wxauth")
register(check_production, "wxauth", deploy=True)
register(check_database, Tags.database)
register(check_deletions, Tags.database, deploy=True)
