"""What stands in a browser's session, and how somebody gets in and out of it."""

from __future__ import annotations

from typing import Any

from django.contrib import auth
from django.contrib.auth.middleware import get_user
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import InterfaceError, OperationalError, router
from django.http import HttpRequest
from django.utils import timezone

from wxauth import database
from wxauth.models import Login

BACKEND = "wxauth.backends.WeChatBackend"
#: Key of the session: the row of the login that it stands on.
LOGIN = "_wxauth_login"
#: Key of the session: appid → openid of whoever sits there, as WeChat told this server.
OPENIDS = "_wxauth_openids"


def open_session(request: HttpRequest, login: Login) -> None:
    """Log this browser in.

    Django changes the session's key, keeps what an anonymous visitor has collected, and throws
    away what belongs to another user.
    """
    auth.login(request, login.person.user, backend=BACKEND)
    request.session[LOGIN] = login.pk


def find_user(request: HttpRequest) -> AbstractBaseUser | AnonymousUser:
    """Whose session this is. One that came through WeChat is over when its login is."""
    user = get_user(request)
    if request.session.get(auth.BACKEND_SESSION_KEY) != BACKEND:
        return user
    key = request.session.get(LOGIN)
    if not user.is_authenticated or not _is_live(key, user):
        request.session.flush()
        nobody = AnonymousUser()
        request._cached_user = nobody  # type: ignore[attr-defined]  # where Django looks first
        return nobody
    # For the one who logs out, without another look into the session.
    request._wxauth_login = key  # type: ignore[attr-defined]
    return user


def _is_live(key: Any, user: AbstractBaseUser) -> bool:
    logins = Login.objects.live(timezone.now()).filter(
        # By the openid, too: it may be somebody else's by now, as in ``authentication``.
        pk=key,
        person=user.pk,
        via__identity__person=user.pk,
    )
    # A connection that died while it lay idle: reading is safe to repeat.
    return database.repeat(
        lambda: bool(logins.exists()),
        using=router.db_for_write(Login),
        on=(OperationalError, InterfaceError),
        attempts=2,
    )


def get_login_key(request: HttpRequest | None) -> int | None:
    """The login that this request's session stands on, once its user was asked for."""
    key: int | None = getattr(request, "_wxauth_login", None)
    return key


def note_openid(request: HttpRequest, appid: str, openid: str) -> None:
    """Remember whom WeChat has just named, user or guest."""
    known = request.session.get(OPENIDS, {})
    if known.get(appid) == openid:
        return
    if not request.user.is_authenticated:
        # Whoever planted their own session here would learn it, and pay as this person.
        request.session.cycle_key()
    request.session[OPENIDS] = {**known, appid: openid}


def get_openid(request: HttpRequest, appid: str) -> str | None:
    """The openid in this app of whoever sits at this browser, logged in or a guest; or None.

    WeChat told it to this server, at a start with ``scope=base`` for example. It costs no
    statement but the session's own.
    """
    openid: str | None = request.session.get(OPENIDS, {}).get(appid)
    return openid
