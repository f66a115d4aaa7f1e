"""Merging two people: a page that shows what would happen, and the list of what did."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext

from wxauth.exceptions import DatabaseUnavailable, MergeRefused, NotFound
from wxauth.models import Merge, Person
from wxauth.services.merging import merges
from wxauth.services.merging.entries import summarize

from .base import ReadOnlyAdmin

#: Keys of rows that a page shows on one line; a record may name a hundred thousand.
SHOWN = 20


def may_merge(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("wxauth.merge_person"))


def merge_address(site: admin.AdminSite, *, source: Person, target: Person) -> str:
    return reverse(f"{site.name}:wxauth_person_merge", args=[quote(source.pk), quote(target.pk)])


def merge_view(
    model_admin: ReadOnlyAdmin, request: HttpRequest, source_key: str, target_key: str
) -> HttpResponse:
    """GET shows what would happen, POST lets it happen."""
    source, target = _find(source_key), _find(target_key)
    if not may_merge(request) or not _may_touch(request, source, target):
        raise PermissionDenied
    refused: tuple[str, ...] = ()
    shown = None
    try:
        if request.method == "POST":
            done = merges.merge(source=source.pk, target=target.pk, actor=request.user.pk)
            return _finish(model_admin, request, target, done)
        shown = merges.preview(source=source.pk, target=target.pk)
    except MergeRefused as error:
        refused = error.reasons
    except NotFound:
        raise Http404 from None
    except (IntegrityError, DatabaseUnavailable):
        refused = (_("The database refused; nothing has changed."),)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Merge two people"),
        "opts": model_admin.opts,
        "source": model_admin.link_person(source),
        "target": model_admin.link_person(target),
        "swapped": merge_address(model_admin.admin_site, source=target, target=source),
        "refused": refused,
        "lines": _lines(shown) if shown else [],
        "identities": len(shown.accounts["identities"]) if shown else 0,
    }
    return TemplateResponse(request, "wxauth/admin/merge.html", context)


def _find(key: str) -> Person:
    plain: Any = unquote(key)
    try:
        return Person.objects.select_related("user").get(pk=plain)
    except (Person.DoesNotExist, ValueError, TypeError):
        raise Http404 from None


def _may_touch(request: HttpRequest, *persons: Person) -> bool:
    """What is an employee's, rights included, goes over to nobody without a superuser."""
    staff = any(
        getattr(person.user, flag, False)
        for person in persons
        for flag in ("is_staff", "is_superuser")
    )
    return bool(getattr(request.user, "is_superuser", False)) or not staff


def _finish(
    model_admin: ReadOnlyAdmin, request: HttpRequest, target: Person, done: Merge
) -> HttpResponse:
    LogEntry.objects.log_actions(
        str(request.user.pk),
        [target],
        CHANGE,
        [{"changed": {"fields": [gettext_noop("merged from")]}}],
    )
    model_admin.message_user(
        request, _("Done: this is merge %(id)d.") % {"id": done.pk}, messages.SUCCESS
    )
    name = f"{model_admin.admin_site.name}:wxauth_person_change"
    return HttpResponseRedirect(reverse(name, args=[quote(target.pk)]))


def _lines(done: Merge) -> list[tuple[str, str, str]]:
    lines = []
    for line in summarize(done.rows):
        keys = ", ".join(line.keys[:SHOWN]) + ("…" if len(line.keys) > SHOWN else "")
        lines.append((line.where, line.what, keys))
    return lines


@admin.register(Merge)
class MergeAdmin(ReadOnlyAdmin):
    list_display = ("id", "created_at", "source", "target", "automatic", "actor", "undone_at")
    search_fields = ("source", "target")
    search_help_text = gettext_lazy("The exact user ID.")
    actions = ("undo_chosen",)
    actions_selection_counter = False
    fieldsets = (
        (None, {"fields": ("source", "target", "automatic", "actor")}),
        (None, {"fields": ("created_at", "undone_at", "show_rows")}),
    )

    def find(self, term: str) -> Q:
        return Q(source=term) | Q(target=term)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Merge]:
        # The list does not show the rows, and they may be many.
        rows = super().get_queryset(request)
        return rows.defer("rows", "accounts")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_merge_permission(self, request: HttpRequest) -> bool:
        return may_merge(request)

    @admin.display(description=gettext_lazy("rows"))
    def show_rows(self, merge: Merge) -> str:
        return format_html_join("", "<p>{}: {} ({})</p>", _lines(merge))

    @admin.action(description=gettext_lazy("Undo the chosen merges"), permissions=["merge"])
    def undo_chosen(self, request: HttpRequest, chosen: QuerySet[Merge]) -> None:
        undone = 0
        # The newest first: what was moved twice goes back the way it came.
        for merge in chosen.order_by("-pk"):
            refused = _undo(request, merge)
            undone += not refused
            for reason in refused[:SHOWN]:
                self.message_user(request, f"{merge}: {reason}", messages.ERROR)
        message = ngettext("%(count)d merge undone.", "%(count)d merges undone.", undone)
        self.message_user(
            request,
            message % {"count": undone},
            messages.SUCCESS if undone else messages.WARNING,
        )


def _undo(request: HttpRequest, merge: Merge) -> tuple[str, ...]:
    """Why it cannot be undone; empty when it is."""
    if not _may_touch(request, *_persons(merge)):
        return (_("Only a superuser may."),)
    try:
        merges.undo(merge_id=merge.pk, actor=request.user.pk)
    except MergeRefused as error:
        return error.reasons
    except NotFound as error:
        return (str(error),)
    except (IntegrityError, DatabaseUnavailable):
        return (_("The database refused; nothing has changed."),)
    return ()


def _persons(merge: Merge) -> QuerySet[Person]:
    return Person.objects.select_related("user").filter(pk__in=[merge.source, merge.target])
