"""The bearer token of wxauth, for Django REST framework and for everybody else."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.db import InterfaceError, OperationalError, router
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from . import database
from .crypto.tokens import TOKEN_PREFIX, token_digest
from .models import Login


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer wxa_…``.

    ``request.user`` is the project's user and ``request.auth`` the ``Login``, with ``.appid`` and
    ``.openid``. One SQL statement, no write. A bearer token that is not ours is left to the next
    authentication class; list this one first, because simplejwt refuses what is not its own.
    """

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, Login] | None:
        digest = _get_digest(request)
        if digest is None:
            return None
        login = _get_live(digest)
        if login is None:
            # One answer for unknown, expired, ended, blocked and inactive.
            raise AuthenticationFailed(
                _("The token is not valid (any more)."), code="invalid_token"
            )
        return login.person.user, login

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="wxauth"'


def get_login(token: str) -> Login | None:
    """The live login of this token, or None. For Channels, plain views, and the like.

    Its ``person.user``, ``appid`` and ``openid`` are at hand without another statement.
    """
    digest = token_digest(token)
    del token  # Not for the traceback of a database that fails.
    return _get_live(digest)


def _get_digest(request: Request) -> str | None:
    """The digest of the token in the request's header, where there is one of ours."""
    scheme, _blank, token = request.headers.get("Authorization", "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token.startswith(TOKEN_PREFIX):
        return None
    return token_digest(token)


def _get_live(digest: str) -> Login | None:
    login = _find(digest)
    if login is None or not login.is_live(timezone.now()) or login.person.is_shut_out:
        return None
    # The openid belongs to somebody else by now. Its logins were ended then; this stops the one
    # that was on its way at that very moment.
    if login.via.identity.person_id != login.person_id:
        return None
    return login


def _find(digest: str) -> Login | None:
    # A connection that died while it lay idle: the database may be well, and reading is safe to
    # repeat.
    login: Login | None = database.repeat(
        lambda: Login.objects.find(digest),
        using=router.db_for_write(Login),
        on=(OperationalError, InterfaceError),
        attempts=2,
    )
    return login
