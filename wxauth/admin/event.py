from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from wxauth.models import Event, Person

from .base import ReadOnlyAdmin, show_app_name, show_text
from .filters import Choices, Filter


class KindFilter(Filter):
    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return list(Event.Kind.choices)

    def condition(self, value: str) -> Q:
        return Q(kind=value)


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """What happened to people: read by the staff, written and deleted by nobody."""

    list_display = ("created_at", "show_kind", "show_user", "show_other", "show_app", "actor")
    list_filter = (KindFilter,)
    search_fields = ("user", "other")
    search_help_text = _("The exact user ID.")
    fieldsets = (
        (None, {"fields": ("created_at", "show_kind", "show_user", "show_other", "show_app")}),
        (None, {"fields": ("actor", "request_id", "detail")}),
    )

    def find(self, term: str) -> Q:
        return Q(user=term) | Q(other=term)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("kind"))
    def show_kind(self, event: Event) -> str:
        known = dict(Event.Kind.choices)
        return str(known.get(event.kind, event.kind))

    @admin.display(description=_("user"))
    def show_user(self, event: Event) -> str:
        return self.link_key(event.user)

    @admin.display(description=_("other user"))
    def show_other(self, event: Event) -> str:
        return self.link_key(event.other) if event.other else self.get_empty_value_display()

    @admin.display(description=_("app"))
    def show_app(self, event: Event) -> str:
        return show_app_name(event.appid) if event.appid else self.get_empty_value_display()

    def link_key(self, key: str) -> str:
        """To the person with this key, who may be gone by now."""
        # The key is text here; a person who is made of it is not asked for in the database.
        text = format_html("#{}", show_text(key))
        return self.link(Person(pk=key), text)
