"""A code becomes a login: exchange it at WeChat, find or make the user, hand out a token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db import router, transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from wxauth.clock import today
from wxauth.conf import conf
from wxauth.crypto.tokens import new_token, token_digest
from wxauth.exceptions import (
    Blocked,
    CodeUsed,
    NotRegistered,
    UnknownApp,
    WeChatError,
    WxauthError,
)
from wxauth.models import Login, OpenId, Person
from wxauth.signals import logged_in, signed_up
from wxauth.types import App, Kind, Secret, Session
from wxauth.wiring import get_adapter, get_client

from . import (
    claims,
    enclosures,
    failures,
    history,
    joining,
    limits,
    linking,
    outcomes,
    phone,
    transactions,
)
from .enclosures import Enclosure, Rejected


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


def log_in(
    *,
    code: Secret,
    appid: str | None = None,
    phone_code: Secret | None = None,
    enclosure: Enclosure | None = None,
    signup: bool = True,
    extra: Mapping[str, Any] | None = None,
    device: Device | None = None,
) -> LoggedIn:
    """Log somebody in by a ``wx.login`` code.

    ``appid`` may be None where there is a default app. ``phone_code`` is what the phone button
    gave: it fails a login only where nobody signs up without it. ``enclosure`` is encrypted or
    signed data that came with the code. ``signup`` False only asks: a stranger is refused and
    nothing is written. ``extra`` is for the adapter at a first login; it is neither stored nor
    logged.

    Raises ``UnknownApp``, ``CodeRefused``, ``Blocked``, ``NotRegistered``, ``SignupRefused``,
    ``InvalidPhoneCode``, ``Conflict``, ``RateLimited``, ``DatabaseUnavailable`` and the
    ``WeChatError`` family.
    """
    device = device or Device()
    app = get_mini_program(appid)
    try:
        with claims.claim(
            app=app, code=code, address=device.address, user_agent=device.user_agent
        ) as claim:
            session = claim.session or get_client(app.appid).code2session(code)
            limits.hit("login_openid", session.openid, appid=app.appid)
            answer = phone.Answer()
            if phone_code is not None and claim.session is None:
                linking.refuse_strangers(app=app, session=session, signup=signup)
                answer = phone.ask(app=app, openid=session.openid, code=phone_code)
            token = Secret(new_token())
            sign_in = partial(
                _sign_in,
                app=app,
                session=session,
                answer=answer,
                token=token,
                signup=signup,
                extra=extra or {},
                device=device,
            )
            try:
                login, created, warnings = transactions.run(sign_in)
            except linking.TwoUsers as two:
                joining.join(two)
                login, created, warnings = transactions.run(partial(sign_in, may_join=False))
            claim.login = login
            # The code is spent: from here on nothing may fail the login.
            if enclosure:
                warnings += enclosures.take_in(
                    login=login,
                    enclosure=enclosure,
                    again=claim.session is not None,
                    with_phone=answer.number is None,
                )
    except WxauthError as error:
        if isinstance(error, CodeUsed):
            outcomes.code_reused(app.appid, None)
        user_login_failed.send_robust(
            sender=__name__, credentials={"appid": app.appid}, request=device.request
        )
        raise
    payload = get_adapter().login_payload(user=login.person.user, login=login, created=created)
    return LoggedIn(login, token, created, warnings, payload)


def get_mini_program(appid: str | None) -> App:
    """The app of this appid, or the default one. Raises ``UnknownApp``."""
    app = conf.get_app(appid)
    if app.kind is not Kind.MINIPROGRAM:
        raise UnknownApp("Only a mini-program has codes of wx.login.")
    return app


def _sign_in(
    *,
    app: App,
    session: Session,
    answer: phone.Answer,
    token: Secret,
    signup: bool,
    extra: Mapping[str, Any],
    device: Device,
    may_join: bool = True,
) -> tuple[Login, bool, tuple[Rejected, ...]]:
    now = timezone.now()
    try:
        admission = linking.admit(
            app=app,
            session=session,
            phone=answer.number,
            signup=signup,
            extra=extra,
            now=now,
            may_join=may_join,
        )
    except NotRegistered:
        if answer.error is None:
            raise
        # What is missing is the number; why it is missing, the phone can mend.
        if isinstance(answer.error, WeChatError):
            answer.error.repeatable = False  # The login code is spent.
        raise answer.error from None
    person = admission.openid.identity.person
    if person.is_shut_out:
        raise Blocked("This person may not log in.")
    login = open_login(
        openid=admission.openid,
        app=app,
        session=session,
        token=token,
        device=device,
        now=now,
        created=admission.created,
    )
    warnings: tuple[Rejected, ...] = ()
    problem = phone.keep_answer(login=login, answer=answer)
    if problem is not None:
        if admission.stranger and conf.SIGNUP == "phone":
            raise problem
        warnings = (Rejected("phone_code", problem),)
    return login, admission.created, warnings


def open_login(
    *,
    openid: OpenId,
    app: App,
    session: Session,
    token: Secret,
    device: Device,
    now: datetime,
    created: bool = False,
) -> Login:
    """The row of a login by this openid, with its news. Part of a transaction.

    The openid's identity, person and user are at hand.
    """
    person = openid.identity.person
    failures.forgive(openid)
    digest = token_digest(token.reveal())
    login: Login = Login.objects.create(
        via=openid,
        person=person,
        digest=digest,
        sealed_session_key=history.seal(session.session_key, digest),
        channel=app.kind.value,
        created_at=now,
        expires_at=now + timedelta(seconds=conf.TOKEN_TTL),
        user_agent=device.user_agent,
        address=device.address,
    )
    _note_visit(person, now)
    transaction.on_commit(
        partial(_announce, login=login, created=created, request=device.request),
        using=router.db_for_write(Login),
    )
    return login


def _note_visit(person: Person, now: datetime) -> None:
    day = today(now)
    if person.last_seen_on == day:
        return
    Person.objects.filter(Q(last_seen_on=None) | Q(last_seen_on__lt=day), pk=person.pk).update(
        last_seen_on=day
    )


def _announce(*, login: Login, created: bool, request: HttpRequest | None) -> None:
    user = login.person.user
    outcomes.login(login, created=created)
    news: dict[str, Any] = {"sender": type(user), "user": user, "login": login}
    if created:
        signed_up.send_robust(**news)
    logged_in.send_robust(**news, created=created)
    user_logged_in.send_robust(sender=type(user), request=request, user=user)
