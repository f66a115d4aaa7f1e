"""What every login leaves behind, whichever way the person came in: a row, a token, and news."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.db import router, transaction
from django.db.models import Q
from django.dispatch import Signal
from django.http import HttpRequest

from wxauth.clock import today
from wxauth.conf import conf
from wxauth.crypto.tokens import new_token, token_digest
from wxauth.models import Login, OpenId, Person
from wxauth.services.data import budget, session_keys
from wxauth.services.journal import outcomes
from wxauth.signals import logged_in, signed_up
from wxauth.types import App, Channel, Secret, Session

from .enclosures import Rejected


@dataclass(frozen=True)
class Device:
    """What the request says about the phone. ``request`` is for Django's signals only."""

    user_agent: str = ""
    address: str | None = None
    request: HttpRequest | None = field(default=None, repr=False)


@dataclass(frozen=True)
class LoggedIn:
    """A finished login. The token is known here and on the phone, and nowhere else."""

    login: Login
    token: Secret = field(repr=False)
    created: bool
    #: What was sent along and could not be used; the login stands.
    warnings: tuple[Rejected, ...]
    #: The adapter's own words to the phone.
    extra: Mapping[str, Any]


@dataclass
class Opening:
    """A login that is about to be opened. One for all tellings of its story."""

    token: Secret = field(default_factory=lambda: Secret(new_token()), repr=False)
    #: Whether it makes the user; None until a telling gets as far as the row.
    created: bool | None = None
    #: Of a browser: Django's own login follows, with a session and ``user_logged_in``.
    browser: bool = False


def find_opened(opening: Opening, *, request: HttpRequest | None) -> tuple[Login, bool] | None:
    """The login that an earlier telling opened after all, and whether it made the user.

    A connection that dies during COMMIT does not say whether it was done. Told again, the story
    would meet its own row. Part of a transaction, like ``open_login``.
    """
    if opening.created is None:
        return None
    rows = Login.objects.select_related("person__user", "via__identity")
    login = rows.filter(digest=token_digest(opening.token.reveal())).first()
    if login is None:
        return None
    _announce_later(login, opening, request=request)
    return login, opening.created


def open_login(
    *,
    openid: OpenId,
    app: App,
    session: Session,
    opening: Opening,
    device: Device,
    now: datetime,
    created: bool = False,
    channel: Channel | None = None,
    seconds: int | None = None,
) -> Login:
    """The row of a login by this openid, with its news. Part of a transaction.

    The openid's identity, person and user are at hand. ``channel`` is the door, if not the app's
    own kind; ``seconds`` is how long the login lives, if not ``WXAUTH["TOKEN_TTL"]``.
    """
    person = openid.identity.person
    budget.forgive(openid, session.session_key, now=now)
    digest = token_digest(opening.token.reveal())
    opening.created = created
    login: Login = Login.objects.create(
        via=openid,
        person=person,
        digest=digest,
        sealed_session_key=session.session_key and session_keys.seal(session.session_key, digest),
        channel=(channel or app.kind).value,
        created_at=now,
        expires_at=now + timedelta(seconds=conf.TOKEN_TTL if seconds is None else seconds),
        user_agent=device.user_agent,
        address=device.address,
    )
    _note_visit(person, now)
    _announce_later(login, opening, request=device.request)
    return login


def _note_visit(person: Person, now: datetime) -> None:
    day = today(now)
    if person.last_seen_on == day:
        return
    Person.objects.filter(Q(last_seen_on=None) | Q(last_seen_on__lt=day), pk=person.pk).update(
        last_seen_on=day
    )


def _announce_later(login: Login, opening: Opening, *, request: HttpRequest | None) -> None:
    transaction.on_commit(
        partial(_announce, login, opening, request=request),
        using=router.db_for_write(Login),
    )


def _announce(login: Login, opening: Opening, *, request: HttpRequest | None) -> None:
    user, created = login.person.user, bool(opening.created)
    outcomes.login(login, created=created)
    news: dict[str, Any] = {"sender": type(user), "user": user, "login": login}
    if created:
        signed_up.send_robust(**news)
    logged_in.send_robust(**news, created=created)
    if opening.browser:
        return
    signal = _without_last_login() if _was_here(user, login.created_at) else user_logged_in
    signal.send_robust(sender=type(user), request=request, user=user)


def _was_here(user: Any, now: datetime) -> bool:
    """Whether Django has noted a login of this day in ``last_login``."""
    last: datetime | None = getattr(user, "last_login", None)
    return last is not None and today(last) >= today(now)


def _without_last_login() -> Signal:
    """``user_logged_in`` for all who listen but Django's own ``update_last_login``.

    An UPDATE and a commit for every launch of a mini-program would be a third of what a login
    costs the database.
    """
    signal = copy(user_logged_in)
    signal.receivers = [
        receiver for receiver in user_logged_in.receivers if receiver[0][0] != "update_last_login"
    ]
    return signal
