"""Ending logins: this one, another device, all of them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_out
from django.http import HttpRequest
from django.utils import timezone

from wxauth.exceptions import NotFound
from wxauth.managers import LoginQuerySet
from wxauth.models import Login
from wxauth.services import transactions

#: How many logins a person is shown.
LISTED = 50


def list_logins(*, login: Login) -> list[Login]:
    """The newest live logins of the caller."""
    live = Login.objects.filter(person=login.person_id).live(timezone.now())
    return list(live.select_related("via").order_by("-created_at", "-pk")[:LISTED])


def end_login(*, login: Login, login_id: int) -> None:
    """End one login of the caller. Raises ``NotFound``, also for somebody else's."""
    ended = _end(Login.objects.filter(pk=login_id, person=login.person_id))
    if not ended:
        raise NotFound("No such login.")


def log_out(*, login: Login, request: HttpRequest | None = None) -> None:
    """End the caller's own login."""
    _end(Login.objects.filter(pk=login.pk))
    _announce(login.person.user, request)


def log_out_everywhere(*, login: Login, request: HttpRequest | None = None) -> None:
    """End every login of the caller."""
    end_all(key=login.person_id)
    _announce(login.person.user, request)


def end_session(*, key: int) -> None:
    """End the login that a browser's session stands on: Django has logged the browser out."""
    _end(Login.objects.filter(pk=key))


def end_all(*, key: Any, keep: Login | None = None) -> int:
    """End every live login of the user with this key, but the one to ``keep``. Answers how many."""
    logins: LoginQuerySet = Login.objects.filter(person=key)
    return _end(logins if keep is None else logins.exclude(pk=keep.pk))


def _end(logins: LoginQuerySet) -> int:
    now = timezone.now()
    return transactions.run(lambda: logins.revoke(now))


def _announce(user: AbstractBaseUser, request: HttpRequest | None) -> None:
    user_logged_out.send_robust(sender=type(user), request=request, user=user)
