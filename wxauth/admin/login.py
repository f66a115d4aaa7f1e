from __future__ import annotations

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_permission_codename
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy, ngettext, pgettext

from wxauth.exceptions import NotFound
from wxauth.models import Login, OpenId, Person
from wxauth.services.login import logout

from .base import ReadOnlyAdmin, show_app, show_app_name, show_sealed
from .filters import CHANNELS, ChannelFilter, LoginAppFilter, StateFilter
from .search import find_keys


def show_state(login: Login) -> str:
    if login.revoked_at is not None:
        return pgettext("a login", "ended")
    if login.is_live(timezone.now()):
        return pgettext("a login", "live")
    return pgettext("a login", "expired")


@admin.register(Login)
class LoginAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at",
        "state",
        "show_person",
        "show_openid",
        "app_name",
        "address",
    )
    list_select_related = ("via", "person")
    list_filter = (StateFilter, ChannelFilter, LoginAppFilter)
    search_fields = ("via__openid", "via__identity__unionid")
    linked_by = ("person",)
    actions = ("end_chosen",)
    # With the counter comes an offer to choose the other pages as well: millions of logins.
    actions_selection_counter = False
    fieldsets = (
        (None, {"fields": ("person", "via", "app", "show_channel")}),
        (None, {"fields": ("state", "created_at", "expires_at", "revoked_at")}),
        (None, {"fields": ("session_key", "user_agent", "address")}),
    )

    def find(self, term: str) -> Q:
        # Not by the keys of the logins: a client in a loop leaves a hundred thousand of them.
        return Q(via__in=find_keys(OpenId, term, openid="", unionid="identity__")) | Q(
            person__in=find_keys(Person, term, person="")
        )

    @admin.display(description=gettext_lazy("person"))
    def show_person(self, login: Login) -> str:
        return self.link_person(login.person)

    @admin.display(description="openid")
    def show_openid(self, login: Login) -> str:
        return self.link(login.via)

    @admin.display(description=gettext_lazy("app"))
    def app(self, login: Login) -> str:
        return show_app(login.appid)

    @admin.display(description=gettext_lazy("app"))
    def app_name(self, login: Login) -> str:
        return show_app_name(login.appid)

    @admin.display(description=gettext_lazy("channel"))
    def show_channel(self, login: Login) -> str:
        return str(CHANNELS.get(login.channel, login.channel))

    @admin.display(description=gettext_lazy("state"))
    def state(self, login: Login) -> str:
        return show_state(login)

    @admin.display(description="session_key")
    def session_key(self, login: Login) -> str:
        return show_sealed(login.sealed_session_key)

    # -- ending logins -----------------------------------------------------------------------------

    def has_end_permission(self, request: HttpRequest) -> bool:
        # has_change_permission is no help: nobody may edit a login.
        codename = get_permission_codename("change", self.opts)
        return bool(request.user.has_perm(f"{self.opts.app_label}.{codename}"))

    @admin.action(description=gettext_lazy("End the chosen logins"), permissions=["end"])
    def end_chosen(self, request: HttpRequest, logins: QuerySet[Login]) -> None:
        ended = []
        for login in logins:
            try:
                logout.end_login(login=login, login_id=login.pk)
            except NotFound:
                continue  # Ended meanwhile, or before.
            ended.append(login)
        LogEntry.objects.log_actions(
            str(request.user.pk), ended, CHANGE, [{"changed": {"fields": ["ended at"]}}]
        )
        message = ngettext("%(count)d login was ended.", "%(count)d logins were ended.", len(ended))
        self.message_user(
            request,
            message % {"count": len(ended)},
            messages.SUCCESS if ended else messages.WARNING,
        )
