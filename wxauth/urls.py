"""``path("api/wxauth/", include("wxauth.urls"))``"""

from __future__ import annotations

from .api.urls import app_name, urlpatterns

__all__ = ["app_name", "urlpatterns"]
