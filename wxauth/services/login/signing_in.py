"""The one ending of every door: an openid that WeChat vouched for becomes a login.

A door proves the openid (a code, a callback that is bound to a browser, Cloud Hosting's gateway),
in ``announcing_failure``, and calls ``sign_in``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.contrib.auth.signals import user_login_failed
from django.utils import timezone

from wxauth.conf import conf
from wxauth.exceptions import Blocked, CodeUsed, NotRegistered, StaffRefused, WxauthError
from wxauth.models import Login
from wxauth.services import limits, transactions
from wxauth.services.journal import outcomes
from wxauth.services.profile import phone, user_info
from wxauth.types import App, Channel, Secret, Session

from . import admission, joining
from .enclosures import Rejected
from .entry import Device, Opening, find_opened, open_login


@dataclass(frozen=True)
class SignedIn:
    """Somebody came in. The token is known here only, until somebody is told it."""

    login: Login
    token: Secret = field(repr=False)
    #: Whether this made the user.
    created: bool
    #: A phone code that came along and could not be used; the login stands.
    warnings: tuple[Rejected, ...]
    #: Whether WeChat has told the phone number.
    has_told_phone: bool


@contextmanager
def announcing_failure(app: App, device: Device, hit: limits.Hit | None = None) -> Iterator[None]:
    """Tell Django's ``user_login_failed`` of whoever does not get in, and count used codes.

    ``hit`` is the request itself, where it has to be counted still.
    """
    try:
        yield
    except WxauthError as error:
        if hit is not None and hit.is_refused:
            raise  # It was no attempt to log in yet.
        if isinstance(error, CodeUsed):
            outcomes.code_reused(app.appid, None)
        user_login_failed.send_robust(
            sender=__package__, credentials={"appid": app.appid}, request=device.request
        )
        raise


def sign_in(
    *,
    app: App,
    session: Session,
    device: Device,
    channel: Channel | None = None,
    phone_code: Secret | None = None,
    signup: bool = True,
    extra: Mapping[str, Any] | None = None,
    seconds: int | None = None,
    browser: bool = False,
) -> SignedIn:
    """Log in the person of this session, and make the user if need be.

    ``session`` is WeChat's own word: nothing in it may come from the caller. ``channel`` is the
    door, if not the app's own kind. ``phone_code`` is what the phone button gave: it fails a login
    only where nobody signs up without it. ``signup`` False only asks: a stranger is refused and
    nothing is written. ``extra`` is for the adapter at a first login; it is neither stored nor
    logged. ``seconds`` is how long the login lives, if not ``WXAUTH["TOKEN_TTL"]``. ``browser``:
    Django's own login is to follow, which opens more than the API, and to the staff the admin.

    Raises ``Blocked``, ``NotRegistered``, ``SignupRefused``, ``InvalidPhoneCode``, ``Conflict``,
    ``RateLimited``, ``DatabaseUnavailable``, of a browser ``StaffRefused``, and of the phone code
    the ``WeChatError`` family.
    """
    limits.hit("login_openid", session.openid, appid=app.appid)
    if phone_code is not None:
        admission.refuse_strangers(app=app, session=session, signup=signup)
    with phone.asking(app=app, openid=session.openid, code=phone_code) as answer:
        opening = Opening(browser=browser)
        story = partial(
            _sign_in,
            app=app,
            session=session,
            answer=answer,
            opening=opening,
            signup=signup,
            extra=extra or {},
            device=device,
            channel=channel,
            seconds=seconds,
        )
        try:
            login, created, warnings = transactions.run(story)
        except admission.TwoUsers as two:
            joining.join(two)
            login, created, warnings = transactions.run(partial(story, may_join=False))
    if created:
        user_info.ask(login=login, app=app, session=session)
    return SignedIn(login, opening.token, created, warnings, answer.is_told)


def _sign_in(
    *,
    app: App,
    session: Session,
    answer: phone.Answer,
    opening: Opening,
    signup: bool,
    extra: Mapping[str, Any],
    device: Device,
    channel: Channel | None,
    seconds: int | None,
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
    if opening.browser and conf.refuses_staff(person.user):
        raise StaffRefused("Staff do not come in by WeChat alone.")
    login = open_login(
        openid=admitted.openid,
        app=app,
        session=session,
        opening=opening,
        device=device,
        now=now,
        created=admitted.created,
        channel=channel,
        seconds=seconds,
    )
    problem = phone.keep_answer(login=login, answer=answer)
    if problem is not None and admitted.stranger and conf.SIGNUP == "phone":
        raise problem
    return login, admitted.created, _warnings(problem)


def _warnings(problem: WxauthError | None) -> tuple[Rejected, ...]:
    return () if problem is None else (Rejected("phone_code", problem),)
