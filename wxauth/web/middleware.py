"""A browser's session ends with its login, whichever way that ends."""

from __future__ import annotations

from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.auth.signals import user_logged_out
from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject

from wxauth.services.login import logout

from .sessions import find_user, get_login_key


class WeChatSessionMiddleware(MiddlewareMixin):
    """After ``AuthenticationMiddleware``. Nothing is asked until somebody wants ``request.user``,
    and then one SELECT more than Django's own, of sessions that came through WeChat only."""

    def process_request(self, request: HttpRequest) -> None:
        request.user = SimpleLazyObject(partial(find_user, request))  # type: ignore[assignment]
        request.auser = partial(_afind_user, request)  # type: ignore[assignment]


async def _afind_user(request: HttpRequest) -> AbstractBaseUser | AnonymousUser:
    return await sync_to_async(find_user)(request)


def _end_login(request: HttpRequest | None, **kwargs: Any) -> None:
    """Whoever logs out here is off the list of devices, too."""
    key = get_login_key(request)
    if key is not None:
        logout.end_session(key=key)


user_logged_out.connect(_end_login, dispatch_uid="wxauth.web")
