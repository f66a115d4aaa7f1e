from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy

from wxauth.models import Deletion, Person
from wxauth.services.erasure import working_days

from .base import ReadOnlyAdmin
from .filters import DeletionFilter
from .search import find_keys


@admin.register(Deletion)
class DeletionAdmin(ReadOnlyAdmin):
    """Who has asked to be deleted, the earliest first."""

    list_display = (
        "show_person",
        "show_days_left",
        "deletion_refusal",
        "deletion_asked_at",
        "deletion_due_at",
    )
    list_filter = (DeletionFilter,)
    ordering = ("deletion_due_at", "pk")
    search_fields = ("user",)
    fieldsets = ((None, {"fields": list_display}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Deletion]:
        rows: QuerySet[Deletion] = super().get_queryset(request)
        # Whoever was merged goes with the survivor.
        return rows.filter(deletion_due_at__isnull=False, merged_into=None)

    def find(self, term: str) -> Q:
        keys = find_keys(
            Deletion, term, openid="identities__openids__", unionid="identities__", person=""
        )
        return Q(pk__in=keys)

    @admin.display(description=gettext_lazy("person"))
    def show_person(self, deletion: Deletion) -> str:
        # To the person's own page, not to this row's.
        return self.link_person(Person(pk=deletion.pk, nickname=deletion.nickname))

    @admin.display(description=gettext_lazy("working days left"))
    def show_days_left(self, deletion: Deletion) -> str:
        asked_at: Any = deletion.deletion_asked_at  # The rows of this list have one.
        left = working_days.left(asked_at)
        if left > working_days.WARNING:
            return str(left)
        return format_html("<strong>{}</strong>", left)
