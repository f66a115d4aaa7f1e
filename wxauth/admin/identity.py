from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wxauth.models import Identity

from .base import ReadOnlyAdmin
from .search import find_keys


@admin.register(Identity)
class IdentityAdmin(ReadOnlyAdmin):
    list_display = ("show_unionid", "platform", "show_person")
    list_select_related = ("person",)
    search_fields = ("openids__openid", "unionid")
    fieldsets = ((None, {"fields": ("unionid", "platform", "person")}),)

    def find(self, term: str) -> Q:
        keys = find_keys(Identity, term, openid="openids__", unionid="", person="person__")
        return Q(pk__in=keys)

    @admin.display(description="unionid")
    def show_unionid(self, identity: Identity) -> str:
        return identity.unionid or _("not seen yet")

    @admin.display(description=gettext_lazy("person"))
    def show_person(self, identity: Identity) -> str:
        return self.link_person(identity.person)
