"""The filters of the lists. Their choices are settings and constants: none asks the database."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from wxauth.conf import conf
from wxauth.models import OpenId
from wxauth.types import Channel

CHANNELS = {
    Channel.MINIPROGRAM.value: _("mini-program"),
    Channel.OFFICIAL_ACCOUNT.value: _("official account"),
    Channel.WEBSITE.value: _("website"),
    Channel.MOBILE_APP.value: _("mobile app"),
    Channel.CLOUD.value: _("Cloud Hosting"),
    Channel.PREFETCH.value: _("pre-fetch"),
    Channel.WEB_VIEW.value: _("web-view"),
}

Choices = list[tuple[str, Any]]


class Filter(admin.SimpleListFilter):
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        known = {str(key) for key, _ in self.lookup_choices}
        return queryset.filter(self.condition(value)) if value in known else queryset

    def condition(self, value: str) -> Q:
        raise NotImplementedError


class AppFilter(Filter):
    title = _("app")
    parameter_name = "app"
    #: From the row that is listed to its appid.
    path = "appid"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(app.appid, str(app)) for app in conf.APPS.values()]

    def condition(self, value: str) -> Q:
        return Q(**{self.path: value})


class LoginAppFilter(AppFilter):
    path = "via__appid"


class PersonAppFilter(AppFilter):
    def condition(self, value: str) -> Q:
        # Not a join: a person with two openids in an app is listed once.
        return Q(Exists(OpenId.objects.filter(appid=value, identity__person=OuterRef("pk"))))


class ChannelFilter(Filter):
    title = _("channel")
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return list(CHANNELS.items())

    def condition(self, value: str) -> Q:
        return Q(channel=value)


class BlockedFilter(Filter):
    title = _("block")
    parameter_name = "blocked"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("yes", _("blocked")), ("no", _("not blocked"))]

    def condition(self, value: str) -> Q:
        return Q(blocked_at__isnull=value == "no")


class DeletionFilter(Filter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [
            ("waiting", pgettext_lazy("a deletion", "may be taken back")),
            ("due", pgettext_lazy("a deletion", "due")),
            ("refused", pgettext_lazy("a deletion", "cannot be done now")),
        ]

    def condition(self, value: str) -> Q:
        if value == "refused":
            return ~Q(deletion_refusal="")
        now = timezone.now()
        return Q(deletion_due_at__gt=now) if value == "waiting" else Q(deletion_due_at__lte=now)


class StateFilter(Filter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [
            ("live", pgettext_lazy("a login", "live")),
            ("ended", pgettext_lazy("a login", "ended")),
            ("expired", pgettext_lazy("a login", "expired")),
        ]

    def condition(self, value: str) -> Q:
        if value == "ended":
            return Q(revoked_at__isnull=False)
        now = timezone.now()
        return Q(revoked_at=None) & (
            Q(expires_at__gt=now) if value == "live" else Q(expires_at__lte=now)
        )
