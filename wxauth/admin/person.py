from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from wxauth.models import Identity, Login, OpenId, Person

from .base import ReadOnlyAdmin, show_app, show_sealed, show_text
from .filters import BlockedFilter, PersonAppFilter
from .login import show_state
from .merging import may_merge, merge_address, merge_view
from .revealing import may_reveal, reveal_address, reveal_view
from .search import find_keys

#: Logins on a person's page; the others are a link away.
NEWEST = 20


@dataclass(frozen=True)
class Table:
    """What belongs to a person, on the person's page."""

    model: type[Model]
    headings: Sequence[str]
    rows: Iterable[Sequence[Any]]
    #: Address of the whole list, where these may not be all.
    everything: str = ""

    @property
    def title(self) -> str:
        return str(self.model._meta.verbose_name_plural)

    @property
    def name(self) -> str:
        return str(self.model._meta.model_name)


@admin.register(Person)
class PersonAdmin(ReadOnlyAdmin):
    list_display = ("name", "show_user", "show_state", "has_phone", "created_at", "last_seen_on")
    list_select_related = ("user",)
    list_filter = (BlockedFilter, PersonAppFilter)
    sortable_by = ("created_at",)
    ordering = ("-created_at", "-pk")
    search_fields = ("identities__openids__openid", "identities__unionid")
    actions = ("merge_chosen",)
    change_form_template = "wxauth/admin/person.html"
    fieldsets = (
        (
            None,
            {"fields": ("user", "show_state", "created_at", "last_seen_on", "merged_into")},
        ),
        (
            gettext_lazy("Profile"),
            {
                "fields": (
                    "nickname",
                    "show_nickname_app",
                    "avatar",
                    "avatar_url",
                    "show_avatar_app",
                )
            },
        ),
        (gettext_lazy("Phone"), {"fields": ("show_phone", "show_phone_app")}),
        (
            pgettext_lazy("a person's", "Block"),
            {"fields": ("blocked_at", "blocked_by", "blocked_reason")},
        ),
        (
            gettext_lazy("Account deletion"),
            {"fields": ("deletion_asked_at", "deletion_due_at", "deletion_refusal")},
        ),
    )

    def find(self, term: str) -> Q:
        keys = find_keys(
            Person, term, openid="identities__openids__", unionid="identities__", person=""
        )
        return Q(pk__in=keys)

    def action_checkbox(self, obj: Person) -> SafeString:
        # Django names the row to who cannot see it: by its key, not by somebody else's text.
        return super().action_checkbox(Person(pk=obj.pk, nickname=f"#{obj.pk}"))

    # -- merging ---------------------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        merge = self.admin_site.admin_view(partial(merge_view, self))
        reveal = self.admin_site.admin_view(partial(reveal_view, self))
        return [
            path(
                "<path:source_key>/merge-into/<path:target_key>/",
                merge,
                name="wxauth_person_merge",
            ),
            path("<path:key>/phone/", reveal, name="wxauth_person_phone"),
            *super().get_urls(),
        ]

    def has_merge_permission(self, request: HttpRequest) -> bool:
        return may_merge(request)

    @admin.action(description=gettext_lazy("Merge the two chosen people…"), permissions=["merge"])
    def merge_chosen(self, request: HttpRequest, chosen: QuerySet[Person]) -> HttpResponse | None:
        two = list(chosen.order_by("created_at", "pk")[:3])
        if len(two) != 2:
            self.message_user(request, _("Choose exactly two people."), messages.WARNING)
            return None
        older, younger = two
        address = merge_address(self.admin_site, source=younger, target=older)
        return HttpResponseRedirect(address)

    # -- the list --------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("nickname"))
    def name(self, person: Person) -> str:
        return show_text(person)

    @admin.display(description=gettext_lazy("user"))
    def show_user(self, person: Person) -> str:
        return self.link(person.user)

    @admin.display(description=gettext_lazy("state"))
    def show_state(self, person: Person) -> str:
        if person.merged_into_id is not None:
            return pgettext("a person", "merged")
        if person.blocked_at is not None:
            return _("blocked")
        return pgettext("a person", "active") if person.user.is_active else _("user is inactive")

    @admin.display(description=gettext_lazy("phone"))
    def has_phone(self, person: Person) -> str:
        return _("none") if person.sealed_phone is None else _("kept")

    # -- the page --------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("phone"))
    def show_phone(self, person: Person) -> str:
        return show_sealed(person.sealed_phone)

    @admin.display(description=gettext_lazy("from app"))
    def show_nickname_app(self, person: Person) -> str:
        return show_app(person.nickname_appid)

    @admin.display(description=gettext_lazy("from app"))
    def show_avatar_app(self, person: Person) -> str:
        return show_app(person.avatar_appid)

    @admin.display(description=gettext_lazy("from app"))
    def show_phone_app(self, person: Person) -> str:
        return show_app(person.phone_appid)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        context["tables"] = self._tables(request, obj)
        if obj.sealed_phone is not None and may_reveal(request):
            context["reveal"] = reveal_address(self.admin_site, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _tables(self, request: HttpRequest, person: Person) -> list[Table]:
        tables = {Identity: self._identities, OpenId: self._openids, Login: self._logins}
        return [table(person) for model, table in tables.items() if self._may_view(request, model)]

    def _may_view(self, request: HttpRequest, model: type[Model]) -> bool:
        site = self.admin_site
        # A project may have taken one of our admins away.
        return site.is_registered(model) and site.get_model_admin(model).has_view_permission(
            request
        )

    def _identities(self, person: Person) -> Table:
        rows = Identity.objects.filter(person=person).order_by("pk")
        return Table(
            Identity,
            ("unionid", _("platform")),
            ((self.link(row, row.unionid or _("not seen yet")), row.platform) for row in rows),
        )

    def _openids(self, person: Person) -> Table:
        rows = OpenId.objects.filter(identity__person=person).order_by("pk")
        return Table(
            OpenId,
            ("openid", _("app"), _("created at")),
            ((self.link(row), show_app(row.appid), row.created_at) for row in rows),
        )

    def _logins(self, person: Person) -> Table:
        newest = Login.objects.filter(person=person).order_by("-created_at", "-pk")
        return Table(
            Login,
            (
                pgettext("a row", "login"),
                _("created at"),
                _("app"),
                _("state"),
                _("expires at"),
                _("address"),
            ),
            (
                (
                    self.link(row),
                    row.created_at,
                    show_app(row.appid),
                    show_state(row),
                    row.expires_at,
                    row.address or self.get_empty_value_display(),
                )
                for row in newest.select_related("via")[:NEWEST]
            ),
            reverse(f"{self.admin_site.name}:wxauth_login_changelist", query={"person": person.pk}),
        )
