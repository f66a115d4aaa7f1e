from __future__ import annotations

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_permission_codename
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from wxauth.exceptions import SessionKeyMissing, WxauthError
from wxauth.models import OpenId
from wxauth.services.data import wechat_session

from .base import ReadOnlyAdmin, show_app
from .filters import AppFilter
from .search import find_keys


@admin.register(OpenId)
class OpenIdAdmin(ReadOnlyAdmin):
    list_display = ("openid", "app", "show_person", "created_at")
    list_select_related = ("identity__person",)
    list_filter = (AppFilter,)
    search_fields = ("openid", "identity__unionid")
    actions = ("end_wechat_session",)
    # With the counter comes an offer to choose the other pages as well: a call for each row.
    actions_selection_counter = False
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

    # -- ending WeChat's session -------------------------------------------------------------------

    def has_end_permission(self, request: HttpRequest) -> bool:
        # has_change_permission is no help: nobody may edit an openid.
        codename = get_permission_codename("change", self.opts)
        return bool(request.user.has_perm(f"{self.opts.app_label}.{codename}"))

    @admin.action(description=_("End the person's WeChat session"), permissions=["end"])
    def end_wechat_session(self, request: HttpRequest, openids: QuerySet[OpenId]) -> None:
        ended = []
        for openid in openids:
            try:
                confirmed = wechat_session.end(openid=openid)
            except SessionKeyMissing:
                continue  # There is nothing to end.
            except WxauthError as error:
                self.message_user(
                    request,
                    gettext("WeChat could not be asked (%(error)s); nothing has changed.")
                    % {"error": type(error).__name__},
                    messages.ERROR,
                )
                break
            ended.append(openid)
            if not confirmed:
                self.message_user(
                    request,
                    gettext(
                        "%(openid)s: WeChat did not confirm it; what is stored here was dropped."
                    )
                    % {"openid": openid},
                    messages.WARNING,
                )
        LogEntry.objects.log_actions(
            str(request.user.pk), ended, CHANGE, [{"changed": {"fields": ["session_key"]}}]
        )
        message = ngettext(
            "%(count)d WeChat session was ended.",
            "%(count)d WeChat sessions were ended.",
            len(ended),
        )
        self.message_user(
            request,
            message % {"count": len(ended)},
            messages.SUCCESS if ended else messages.WARNING,
        )
