from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from wxauth.models import OpenId

from .base import ReadOnlyAdmin, show_app
from .filters import AppFilter
from .search import find_keys


@admin.register(OpenId)
class OpenIdAdmin(ReadOnlyAdmin):
    list_display = ("openid", "app", "show_person", "created_at")
    list_select_related = ("identity__person",)
    list_filter = (AppFilter,)
    search_fields = ("openid", "identity__unionid")
    fieldsets = (
        (None, {"fields": ("openid", "app", "identity", "show_person", "created_at", "failures")}),
    )

    def find(self, term: str) -> Q:
        keys = find_keys(OpenId, term, openid="", unionid="identity__", person="identity__person__")
        return Q(pk__in=keys)

    @admin.display(description=_("app"))
    def app(self, openid: OpenId) -> str:
        return show_app(openid.appid)

    @admin.display(description=_("person"))
    def show_person(self, openid: OpenId) -> str:
        return self.link_person(openid.identity.person)
