"""A code becomes a login: exchange it at WeChat, find or make the user, hand out a token."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.contrib.auth.signals import user_login_failed
from django.utils import timezone

from wxauth.conf import conf
from wxauth.exceptions import Blocked, CodeUsed, NotRegistered, WxauthError
from wxauth.models import Login
from wxauth.services import limits, transactions
from wxauth.services.journal import outcomes
from wxauth.services.profile import phone
from wxauth.types import App, Secret, Session
from wxauth.wiring import get_adapter

from . import admission, enclosures, joining, repeats
from .enclosures import Enclosure, Rejected
from .entry import Device, LoggedIn, Opening, find_opened, open_login
from .exchange import exchange


def log_in(
    *,
    app: App,
    code: Secret,
    phone_code: Secret | None = None,
    enclosure: Enclosure | None = None,
    signup: bool = True,
    extra: Mapping[str, Any] | None = None,
    device: Device | None = None,
    hit: limits.Hit | None = None,
) -> LoggedIn:
    """Log in the person who obtained this code in this app (``exchange.get_app``).

    ``phone_code`` is what the phone button
    gave: it fails a login only where nobody signs up without it. ``enclosure`` is encrypted or
    signed data that came with the code. ``signup`` False only asks: a stranger is refused and
    nothing is written. ``extra`` is for the adapter at a first login; it is neither stored nor
    logged. ``hit`` is the request itself, where it has to be counted still.

    Raises ``CodeRefused``, ``Blocked``, ``NotRegistered``, ``SignupRefused``,
    ``InvalidPhoneCode``, ``Conflict``, ``RateLimited``, ``DatabaseUnavailable`` and the
    ``WeChatError`` family.
    """
    device = device or Device()
    try:
        with repeats.claim(
            app=app,
            code=code,
            address=device.address,
            user_agent=device.user_agent,
            hit=hit,
        ) as claim:
            session = claim.session or exchange(app=app, code=code)
            limits.hit("login_openid", session.openid, appid=app.appid)
            if phone_code is not None:
                admission.refuse_strangers(app=app, session=session, signup=signup)
            with phone.asking(app=app, openid=session.openid, code=phone_code) as answer:
                opening = Opening()
                sign_in = partial(
                    _sign_in,
                    app=app,
                    session=session,
                    answer=answer,
                    opening=opening,
                    signup=signup,
                    extra=extra or {},
                    device=device,
                )
                try:
                    login, created, warnings = transactions.run(sign_in)
                except admission.TwoUsers as two:
                    joining.join(two)
                    login, created, warnings = transactions.run(partial(sign_in, may_join=False))
            # The same request is answered alike, also where its first answer was lost.
            created = created or claim.created
            claim.login, claim.created = login, created
            # The code is spent: from here on nothing may fail the login.
            if enclosure:
                warnings += enclosures.take_in(
                    login=login,
                    enclosure=enclosure,
                    again=claim.session is not None,
                    with_phone=not answer.is_told,
                )
    except WxauthError as error:
        if hit is not None and hit.is_refused:
            raise  # It was no attempt to log in yet.
        if isinstance(error, CodeUsed):
            outcomes.code_reused(app.appid, None)
        user_login_failed.send_robust(
            sender=__package__, credentials={"appid": app.appid}, request=device.request
        )
        raise
    payload = get_adapter().login_payload(user=login.person.user, login=login, created=created)
    return LoggedIn(login, opening.token, created, warnings, payload)


def _sign_in(
    *,
    app: App,
    session: Session,
    answer: phone.Answer,
    opening: Opening,
    signup: bool,
    extra: Mapping[str, Any],
    device: Device,
    may_join: bool = True,
) -> tuple[Login, bool, tuple[Rejected, ...]]:
    if opened := find_opened(opening, request=device.request):
        login, created = opened
        problem = phone.keep_answer(login=login, answer=answer)
        return login, created, _warnings(problem)
    now = timezone.now()
    try:
        admitted = admission.admit(
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
        raise answer.error from None
    person = admitted.openid.identity.person
    if person.is_shut_out:
        raise Blocked("This person may not log in.")
    login = open_login(
        openid=admitted.openid,
        app=app,
        session=session,
        opening=opening,
        device=device,
        now=now,
        created=admitted.created,
    )
    problem = phone.keep_answer(login=login, answer=answer)
    if problem is not None and admitted.stranger and conf.SIGNUP == "phone":
        raise problem
    return login, admitted.created, _warnings(problem)


def _warnings(problem: WxauthError | None) -> tuple[Rejected, ...]:
    return () if problem is None else (Rejected("phone_code", problem),)
