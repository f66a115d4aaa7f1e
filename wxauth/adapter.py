"""The one class a project overrides: who becomes which user.

Subclass ``Adapter`` and name it in ``WXAUTH["ADAPTER"]``. Every hook takes keywords only, so that
two ids cannot be swapped, and runs inside the login's transaction: read your own tables as you
like, but call nobody over the network. What a hook raises undoes the login; only
``login_payload`` is asked when the login is done.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser

from .exceptions import SignupRefused
from .types import App, Secret

if TYPE_CHECKING:
    from .models import Login

__all__ = ["AbstractBaseUser", "Adapter", "App", "Secret"]


class Adapter:
    def find_user(
        self,
        *,
        app: App,
        openid: str,
        unionid: str | None,
        phone: Secret | None,
        extra: Mapping[str, Any],
    ) -> AbstractBaseUser | None:
        """An existing user of the project for a person whom wxauth does not know yet, or None.

        For people who were there before wxauth: a legacy ``openid`` column, or a phone number.
        ``phone`` is given only when WeChat itself verified it in this very request, in E.164
        form; everything in ``extra`` is the phone's own claim and proves nothing.

        A user who already has an openid in this app is passed over: two people of one app are
        never one user.
        """
        return None

    def build_user(
        self,
        *,
        app: App,
        openid: str,
        unionid: str | None,
        phone: Secret | None,
        extra: Mapping[str, Any],
    ) -> AbstractBaseUser:
        """A new user, not saved: wxauth saves it with everything that belongs to it, or nothing.

        The default fills the user model's USERNAME_FIELD with a random name and sets no password.
        """
        model = get_user_model()
        user: AbstractBaseUser = model(**{model.USERNAME_FIELD: f"wx_{secrets.token_hex(8)}"})
        user.set_unusable_password()
        return user

    def refuse(self, *, code: str = "signup_refused", detail: str = "") -> NoReturn:
        """Say no to a sign-up from ``find_user`` or ``build_user``: nothing is written.

        ``code`` and ``detail`` reach the phone with status 403 and action ``stop``.
        """
        raise SignupRefused(detail, code=code)

    def login_payload(
        self, *, user: AbstractBaseUser, login: Login, created: bool
    ) -> Mapping[str, Any]:
        """What the answer to a login carries under ``extra``, for example the host's own JWT.

        JSON values only.
        """
        return {}
