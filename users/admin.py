from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin

from .models import User


@admin.register(User)
class UserAdmin(BaseUserAdmin):  # type: ignore[type-arg]
    """Django's own. Its search fields are what other admins' autocomplete boxes ask."""

    ordering = ("-pk",)
    show_full_result_count = False
    autocomplete_fields = ("groups",)
    filter_horizontal = ("user_permissions",)
