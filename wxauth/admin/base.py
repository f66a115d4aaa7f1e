"""What the four admins share: they show, and change nothing.

Everything here is written by wxauth. A form that saved a whole row would bring back a session_key
or a login that was ended while the form stood open.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets, quote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wxauth.conf import conf
from wxauth.crypto.keyring import Unsealable
from wxauth.models import Person
from wxauth.wiring import get_keyring


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable at runtime
    list_per_page = 50
    show_full_result_count = False
    # Each facet would count the whole table.
    show_facets = admin.ShowFacets.NEVER
    sortable_by: ClassVar[tuple[str, ...]] = ()
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    search_help_text = gettext_lazy("The exact openid, unionid, username or user ID.")
    #: Columns, besides the filters, that a link may narrow the list by.
    linked_by: ClassVar[tuple[str, ...]] = ()

    def find(self, term: str) -> Q:
        """The condition for what staff typed into the search box."""
        raise NotImplementedError

    # -- nothing is written --------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return flatten_fieldsets(self.get_fieldsets(request, obj))

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> dict[str, Any]:
        # Django 6.1 has more places than one, and asks by name; 5.2 does not know the word.
        where = {} if action_location is None else {"action_location": action_location}
        actions: dict[str, Any] = super().get_actions(request, **where)
        actions.pop("delete_selected", None)
        return actions

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> NoReturn:
        # The permission itself stays: without it nobody could delete, in the project's own admin,
        # a user who has logged in by WeChat.
        raise PermissionDenied

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["show_delete"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    # -- nothing secret is found -----------------------------------------------------------------

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        # By default the address bar filters by any column of the model, and a ``__startswith`` on
        # a digest or a phone hash reads it out, one character after the other.
        filters = {getattr(entry, "parameter_name", entry) for entry in self.list_filter}
        return lookup in filters or lookup in self.linked_by

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(self.find(term)) if term else queryset), False

    # -- how things are shown ----------------------------------------------------------------------

    def link(self, row: Model, text: object = None) -> str:
        """To the page of this row, if there is one."""
        shown = show_text(row if text is None else text)
        meta = row._meta
        try:
            address = reverse(
                f"{self.admin_site.name}:{meta.app_label}_{meta.model_name}_change",
                args=[quote(row.pk)],
            )
        except NoReverseMatch:
            return shown
        return format_html('<a href="{}">{}</a>', address, shown)

    def link_person(self, person: Person) -> str:
        """With the key, because most people have no nickname; without the end of a long one."""
        name = Truncator(str(person)).chars(20)
        return self.link(person, format_html("{} #{}", show_text(name), person.pk))


def show_text(text: object) -> str:
    """Somebody else's text, which may turn its own direction but not that of its neighbours."""
    return format_html("<bdi>{}</bdi>", text)


def show_app(appid: str) -> str:
    """The app's name and appid; the appid alone of an app that is not configured, or nameless."""
    app = conf.APPS.get(appid)
    return f"{app.name} ({appid})" if app and app.name else appid or "-"


def show_app_name(appid: str) -> str:
    """The same where there is little room: the appid shows when the pointer rests on the name."""
    app = conf.APPS.get(appid)
    return format_html('<span class="nowrap" title="{}">{}</span>', appid, app or appid)


def show_sealed(sealed: str | None) -> str:
    """That there is a secret, and which key it is sealed with; never what it is."""
    if sealed is None:
        return _("none")
    try:
        return _("sealed with key %(id)s") % {"id": get_keyring().key_id(sealed)}
    except Unsealable:
        return _("damaged")
