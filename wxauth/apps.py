from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WxauthConfig(AppConfig):
    name = "wxauth"
    verbose_name = _("WeChat login")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, wiring  # noqa: F401  (checks register; wiring listens to settings)
