"""What a developer may do and a server may not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004
from django.core.files.storage import FileSystemStorage
from django.db import connections, router
from django.utils.translation import gettext as _

from wxauth.conf import conf
from wxauth.models import Login, Person
from wxauth.services.erasure import due
from wxauth.services.profile import pictures

from . import servers

#: Caches that no two processes share.
PRIVATE_CACHES = ("locmem.LocMemCache", "dummy.DummyCache")
#: In the names of serializers that pickle; the first is Django's own.
PICKLES = ("redisserializer", "pickle")


def check_production(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
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
    cache = settings.CACHES.get(conf.CACHE, {})
    if str(cache.get("BACKEND")).endswith(PRIVATE_CACHES):
        yield Warning(
            _("The cache belongs to one process: each counts its limits by itself."),
            hint=_("Share one, such as Redis (in this project: CACHE_URL)."),
            id="wxauth.W103",
        )
    if _unpickles(servers.redis_options(cache)):
        yield Warning(
            _("The cache unpickles what it reads: whoever can write to Redis runs code here."),
            hint=_(
                'Set "serializer" in CACHES[…]["OPTIONS"] to "django.core.signing.JSONSerializer" '
                '(of django-redis, "SERIALIZER" to "django_redis.serializers.json.JSONSerializer").'
            ),
            id="wxauth.W105",
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


def check_deletions() -> Iterator[CheckMessage]:
    late = due.count_late()
    if late:
        yield Warning(
            _("%(count)d accounts are to be deleted, and ten working days of fifteen are over.")
            % {"count": late},
            hint=_(
                "The list of account deletions in the admin says what stands in the way. Does "
                "manage.py wxauth_clear_expired run every day?"
            ),
            id="wxauth.W106",
        )


def _unpickles(options: Mapping[str, Any] | None) -> bool:
    if options is None:
        return False
    # Left out, it is Django's own or that of django-redis, and both pickle.
    serializer = str(options.get("serializer") or PICKLES[0]).lower()
    return any(name in serializer for name in PICKLES)


def _avatar_storage() -> Any:
    field: Any = Person._meta.get_field("avatar")
    return field.storage
