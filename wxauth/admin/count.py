from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext_lazy

from wxauth.models import DailyCount

from .base import ReadOnlyAdmin, show_app_name
from .filters import AppFilter


@admin.register(DailyCount)
class DailyCountAdmin(ReadOnlyAdmin):
    """The overview: what happened how often, the newest day first."""

    list_display = ("day", "app_name", "name", "value")
    list_filter = (AppFilter,)
    ordering = ("-day", "appid", "name")
    search_fields = ("name",)
    search_help_text = gettext_lazy("The exact name of a count, such as login or budget_spent.")
    fieldsets = ((None, {"fields": ("day", "app_name", "name", "value")}),)

    def find(self, term: str) -> Q:
        return Q(name=term)

    @admin.display(description=gettext_lazy("app"))
    def app_name(self, count: DailyCount) -> str:
        return show_app_name(count.appid) if count.appid else "-"
