from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wxauth.models import Conflict

from .base import ReadOnlyAdmin, show_app_name
from .merging import merge_address
from .search import find_keys


@admin.register(Conflict)
class ConflictAdmin(ReadOnlyAdmin):
    """Pairs of users whom WeChat says are one person, and who wait for somebody to merge them."""

    list_display = ("created_at", "show_person", "show_owner", "show_app", "show_merge")
    list_select_related = ("person", "owner")
    search_fields = ("person__user",)
    fieldsets = (
        (None, {"fields": ("created_at", "show_person", "show_owner", "show_app", "show_merge")}),
    )

    def find(self, term: str) -> Q:
        return Q(
            pk__in=[
                *find_keys(Conflict, term, person="person__"),
                *find_keys(Conflict, term, person="owner__"),
            ]
        )

    @admin.display(description=gettext_lazy("person"))
    def show_person(self, conflict: Conflict) -> str:
        return self.link_person(conflict.person)

    @admin.display(description=gettext_lazy("owner of the unionid"))
    def show_owner(self, conflict: Conflict) -> str:
        return self.link_person(conflict.owner)

    @admin.display(description=gettext_lazy("app"))
    def show_app(self, conflict: Conflict) -> str:
        return show_app_name(conflict.appid)

    @admin.display(description="")
    def show_merge(self, conflict: Conflict) -> str:
        older, younger = sorted(
            (conflict.person, conflict.owner), key=lambda each: (each.created_at, each.pk)
        )
        address = merge_address(self.admin_site, source=younger, target=older)
        return format_html('<a href="{}">{}</a>', address, _("Compare and merge"))
