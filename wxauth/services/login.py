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
from wxauth.exceptions import Blocked, UnknownApp, WxauthError
from wxauth.models import Login, Person
from wxauth.signals import logged_in, signed_up
from wxauth.types import App, Kind, Secret, Session
from wxauth.wiring import get_adapter, get_client, get_keyring

from . import enclosures, linking, payloads, transactions
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
    enclosure: Enclosure | None = None,
    signup: bool = True,
    extra: Mapping[str, Any] | None = None,
    device: Device | None = None,
) -> LoggedIn:
    """Log somebody in by a ``wx.login`` code.

    ``appid`` may be None where there is a default app. ``enclosure`` is encrypted or signed data
    that came with the code. ``signup`` False only asks: a stranger is refused and nothing is
    written. ``extra`` is for the adapter at a first login; it is neither stored nor logged.

    Raises ``UnknownApp``, ``CodeRefused``, ``Blocked``, ``NotRegistered``, ``SignupRefused``,
    ``DatabaseUnavailable`` and the ``WeChatError`` family.
    """
    device = device or Device()
    app = conf.get_app(appid)
    if app.kind is not Kind.MINIPROGRAM:
        raise UnknownApp("Only a mini-program has codes of wx.login.")
    try:
        session = get_client(app.appid).code2session(code)
        token = Secret(new_token())
        login, created = transactions.run(
            partial(
                _sign_in,
                app=app,
                session=session,
                token=token,
                signup=signup,
                extra=extra or {},
                device=device,
            )
        )
    except WxauthError:
        user_login_failed.send_robust(
            sender=__name__, credentials={"appid": app.appid}, request=device.request
        )
        raise
    # The code is spent: from here on nothing may fail the login.
    warnings = enclosures.take_in(login=login, enclosure=enclosure) if enclosure else ()
    payload = get_adapter().login_payload(user=login.person.user, login=login, created=created)
    return LoggedIn(login, token, created, warnings, payload)


def _sign_in(
    *,
    app: App,
    session: Session,
    token: Secret,
    signup: bool,
    extra: Mapping[str, Any],
    device: Device,
) -> tuple[Login, bool]:
    now = timezone.now()
    admission = linking.admit(app=app, session=session, signup=signup, extra=extra, now=now)
    person = admission.openid.identity.person
    if person.is_shut_out:
        raise Blocked("This person may not log in.")
    digest = token_digest(token.reveal())
    login = Login.objects.create(
        via=admission.openid,
        person=person,
        digest=digest,
        sealed_session_key=get_keyring().seal(
            session.session_key.reveal(), label=payloads.SESSION_KEY, row=digest
        ),
        channel=app.kind.value,
        created_at=now,
        expires_at=now + timedelta(seconds=conf.TOKEN_TTL),
        user_agent=device.user_agent,
        address=device.address,
    )
    _note_visit(person, now)
    transaction.on_commit(
        partial(_announce, login=login, created=admission.created, request=device.request),
        using=router.db_for_write(Login),
    )
    return login, admission.created


def _note_visit(person: Person, now: datetime) -> None:
    day = today(now)
    if person.last_seen_on == day:
        return
    Person.objects.filter(Q(last_seen_on=None) | Q(last_seen_on__lt=day), pk=person.pk).update(
        last_seen_on=day
    )


def _announce(*, login: Login, created: bool, request: HttpRequest | None) -> None:
    user = login.person.user
    news: dict[str, Any] = {"sender": type(user), "user": user, "login": login}
    if created:
        signed_up.send_robust(**news)
    logged_in.send_robust(**news, created=created)
    user_logged_in.send_robust(sender=type(user), request=request, user=user)
