"""This project, and pages of a shop that knows who is there."""

from __future__ import annotations

from typing import Any

from django.contrib import auth
from django.http import HttpRequest, JsonResponse
from django.urls import path

from config.urls import handler400, handler500, urlpatterns
from wxauth.web import get_openid

from .people import ACCOUNT

__all__ = ["handler400", "handler500", "urlpatterns"]


def who(request: HttpRequest) -> JsonResponse:
    key = str(request.user.pk) if request.user.is_authenticated else None
    return JsonResponse({"user": key, "openid": get_openid(request, ACCOUNT)})


async def who_async(request: HttpRequest) -> JsonResponse:
    user: Any = await request.auser()
    return JsonResponse({"user": str(user.pk) if user.is_authenticated else None})


def cart(request: HttpRequest) -> JsonResponse:
    if "add" in request.GET:
        request.session["cart"] = [*request.session.get("cart", []), request.GET["add"]]
    return JsonResponse({"cart": request.session.get("cart", [])})


def plain(request: HttpRequest) -> JsonResponse:
    """A page that does not care who reads it."""
    return JsonResponse({})


def leave(request: HttpRequest) -> JsonResponse:
    auth.logout(request)
    return JsonResponse({})


urlpatterns = [
    *urlpatterns,
    path("who/", who),
    path("who/async/", who_async),
    path("cart/", cart),
    path("plain/", plain),
    path("leave/", leave),
]
