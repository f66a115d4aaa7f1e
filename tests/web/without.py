"""A project without pages for browsers."""

from django.urls import include, path

urlpatterns = [path("api/wxauth/", include("wxauth.urls"))]
