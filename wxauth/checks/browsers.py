"""Where the pages for browsers are installed: what they stand on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from wxauth.conf import conf

from .values import find

BACKEND = "wxauth.backends.WeChatBackend"
MIDDLEWARE = "wxauth.web.middleware.WeChatSessionMiddleware"
STAFF = ("refuse", "alone")


def check_staff(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    if conf.STAFF not in STAFF:
        yield Error(
            _('WXAUTH["STAFF"] must be one of: %(words)s.') % {"words": ", ".join(STAFF)},
            hint=_("“alone” makes of WeChat's QR code a key to the admin."),
            id="wxauth.E018",
        )


def check_browsers(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    callback = _find_callback()
    if callback is None:
        return
    missing = list(_missing())
    if missing:
        yield Error(
            _("wxauth.web.urls are installed without what they need: %(names)s.")
            % {"names": ", ".join(missing)},
            hint=_(
                "The middleware stand in this order: SessionMiddleware, AuthenticationMiddleware, "
                "WeChatSessionMiddleware."
            ),
            id="wxauth.E040",
        )
    path = settings.SESSION_COOKIE_PATH
    if settings.SESSION_COOKIE_SAMESITE == "Strict" or not callback.startswith(path):
        yield Error(
            _("The session's cookie does not come along when WeChat sends a browser back."),
            hint=_(
                'SESSION_COOKIE_SAMESITE must be "Lax", and SESSION_COOKIE_PATH a part of '
                "%(callback)s."
            )
            % {"callback": callback},
            id="wxauth.E041",
        )
    if not settings.DEBUG and not settings.SESSION_COOKIE_SECURE:
        yield Warning(
            _("The session's cookie travels over plain HTTP, where others can take it."),
            hint=_("Set SESSION_COOKIE_SECURE and CSRF_COOKIE_SECURE to True."),
            id="wxauth.W042",
        )


def _find_callback() -> str | None:
    if getattr(settings, "ROOT_URLCONF", None) is None:
        return None
    try:
        return reverse("wxauth_web:callback")
    except NoReverseMatch:
        return None


def _missing() -> Iterator[str]:
    classes = [find(path) for path in settings.MIDDLEWARE]
    sessions, users = (
        next((n for n, each in enumerate(classes) if _is_a(each, wanted)), len(classes))
        for wanted in (SessionMiddleware, AuthenticationMiddleware)
    )
    if sessions == len(classes):
        yield "SessionMiddleware"
    if users == len(classes):
        yield "AuthenticationMiddleware"
    if MIDDLEWARE not in settings.MIDDLEWARE[min(users, len(classes)) :]:
        yield MIDDLEWARE
    if BACKEND not in settings.AUTHENTICATION_BACKENDS:
        yield BACKEND


def _is_a(found: Any, wanted: type) -> bool:
    return isinstance(found, type) and issubclass(found, wanted)
