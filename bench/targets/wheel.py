"""wxauth's wheel in a new project."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("api/wxauth/", include("wxauth.urls"))]
