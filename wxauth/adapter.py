"""The one class a project overrides: who becomes which user.

Subclass ``Adapter`` and name it in ``WXAUTH["ADAPTER"]``. Every hook takes keywords only, so that
two ids cannot be swapped, and runs inside the login's transaction: read your own tables as you
like, but call nobody over the network. What a hook raises undoes the login; only
``login_payload`` and ``prefetch`` are asked when the login is done.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import router

from . import references
from .clock import rfc3339
from .conf import conf
from .exceptions import SignupRefused
from .models import Person
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

    def is_disposable(self, *, user: AbstractBaseUser) -> bool:
        """Whether nothing is lost, and nobody surprised, if this user is joined into another one.

        Asked when WeChat says of two users that they are one person (an app was bound to the Open
        Platform late): a disposable one is joined into the other, without asking anybody.

        By default: not staff, no usable password, and no row of the project refers to the user,
        except rows of the models in ``WXAUTH["DISPOSABLE_WITH"]``.
        """
        if getattr(user, "is_staff", False) or getattr(user, "is_superuser", False):
            return False
        if has_password(user):
            return False
        using = router.db_for_write(Person)
        rows = [user, *Person.objects.filter(pk=user.pk)]
        return not any(
            references.exist(row, using=using, besides=conf.DISPOSABLE_WITH) for row in rows
        )

    def has_other_login(self, *, user: AbstractBaseUser) -> bool:
        """Whether this user can log in without WeChat: otherwise the last identity stays linked.

        By default: whoever has a password.
        """
        return has_password(user)

    def on_phone_taken(self, *, user: AbstractBaseUser, other: AbstractBaseUser, app: App) -> str:
        """What becomes of a number that belongs to ``other``, and that WeChat has just told of
        ``user``: ``"conflict"``, and nothing changes; or ``"move"``, and ``other`` has none.

        Numbers are given to new owners by the carriers, and people have two accounts: which is the
        rule, a project knows best. Neither way are the two users joined, nor anybody logged out.

        Asked only for a number that WeChat told this server itself, for a phone code; a number in
        encrypted data, whose sender could have tampered with it, is never moved. ``user`` may be a
        new one, in the course of signing up.
        """
        return "conflict"

    def refuse_deletion(self, *, user: AbstractBaseUser) -> str:
        """Why this user cannot be deleted now (an open order), in words for that person, at most
        200 characters; empty: nothing stands in the way.

        Asked when the person asks for deletion, and every day from when it is due. Staff cannot be
        deleted whatever this says.
        """
        return ""

    def erase_user(self, *, user: AbstractBaseUser) -> None:
        """Make this user nobody's, and do the same to the project's own rows about them.

        Part of the transaction in which everything of wxauth's goes. The row itself stays, because
        rows of the project point at it: override this, call ``super()``, and clear there what says
        who somebody was. It may be called again for a user whom it has been called for.

        By default what Django's user fields hold goes: username, names, e-mail address, password,
        last login; and the user is inactive.
        """
        names = {field.name: field for field in user._meta.concrete_fields}
        nobody = f"erased_{secrets.token_hex(8)}"
        for name in ("first_name", "last_name", user.get_email_field_name(), "last_login"):
            if name in names:
                field: Any = names[name]
                setattr(user, name, None if field.null else nobody if field.unique else "")
        setattr(user, get_user_model().USERNAME_FIELD, nobody)
        user.set_unusable_password()
        if "is_active" in names:
            user.is_active = False
        user.save()

    def export_user(self, *, user: AbstractBaseUser) -> Mapping[str, Any]:
        """What the project knows about this user, for the person: ``GET me/export/``.

        JSON values: no passwords, no hashes, nobody else's data. Override it, call ``super()``,
        and add the project's own rows.

        By default what Django's user fields hold: username, names, e-mail address, day of joining,
        last login.
        """
        names = {field.name for field in user._meta.concrete_fields}
        told: dict[str, Any] = {"username": user.get_username()}
        for name in ("first_name", "last_name", user.get_email_field_name()):
            if name in names:
                told[name] = getattr(user, name)
        for name in ("date_joined", "last_login"):
            if name in names:
                moment = getattr(user, name)
                told[name] = moment and rfc3339(moment)
        return told

    def login_payload(
        self, *, user: AbstractBaseUser, login: Login, created: bool
    ) -> Mapping[str, Any]:
        """What the answer to a login carries under ``extra``, for example the host's own JWT.

        JSON values only.
        """
        return {}

    def prefetch(self, *, login: Login, path: str, query: str, scene: str) -> Mapping[str, Any]:
        """What the answer to a pre-fetch by token (数据预拉取) carries under ``extra``.

        ``login`` is a live one. ``path``, ``query`` and ``scene`` are what WeChat says of the page
        that will open: texts that anybody can choose. No transaction is open; JSON values only.
        Where all of the answer is larger than WeChat keeps, 256 KB, ``extra`` is left out.
        """
        return {}


def has_password(user: AbstractBaseUser) -> bool:
    """Whether there is a password to log in with. An empty one is none, whatever Django says."""
    return bool(user.password) and user.has_usable_password()
