from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_delete
from django.utils.translation import gettext_lazy as _


class WxauthConfig(AppConfig):
    name = "wxauth"
    verbose_name = _("WeChat login")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, wiring  # noqa: F401  (checks register; wiring listens to settings)
        from .services.profile import pictures

        post_delete.connect(pictures.delete_with_person, sender="wxauth.Person")
