"""A code becomes a login: exchange it at WeChat, find or make the user, hand out a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wxauth.services import limits
from wxauth.types import App, Channel, Secret
from wxauth.wiring import get_adapter

from . import enclosures, repeats
from .enclosures import Enclosure
from .entry import Device, LoggedIn
from .exchange import exchange
from .signing_in import announcing_failure, sign_in


def log_in(
    *,
    app: App,
    code: Secret,
    phone_code: Secret | None = None,
    enclosure: Enclosure | None = None,
    signup: bool = True,
    extra: Mapping[str, Any] | None = None,
    device: Device | None = None,
    channel: Channel | None = None,
    hit: limits.Hit | None = None,
) -> LoggedIn:
    """Log in the person who obtained this code in this app (``exchange.get_app``).

    ``enclosure`` is encrypted or signed data that came with the code. ``hit`` is the request
    itself, where it has to be counted still. The others are those of ``signing_in.sign_in``.

    Raises ``InvalidRequest``, ``CodeRefused``, ``Blocked``, ``NotRegistered``, ``SignupRefused``,
    ``InvalidPhoneCode``, ``Conflict``, ``RateLimited``, ``DatabaseUnavailable`` and the
    ``WeChatError`` family.
    """
    device = device or Device()
    enclosures.refuse_misplaced(app=app, enclosure=enclosure, phone_code=phone_code)
    with (
        announcing_failure(app, device, hit),
        repeats.claim(
            app=app,
            code=code,
            address=device.address,
            user_agent=device.user_agent,
            hit=hit,
        ) as claim,
    ):
        session = claim.session or exchange(app=app, code=code)
        done = sign_in(
            app=app,
            session=session,
            device=device,
            channel=channel,
            phone_code=phone_code,
            signup=signup,
            extra=extra,
        )
        # The same request is answered alike, also where its first answer was lost.
        created = done.created or claim.created
        claim.login, claim.created = done.login, created
        warnings = done.warnings
        # The code is spent: from here on nothing may fail the login.
        if enclosure:
            warnings += enclosures.take_in(
                login=done.login,
                enclosure=enclosure,
                again=claim.session is not None,
                with_phone=not done.has_told_phone,
            )
    payload = get_adapter().login_payload(
        user=done.login.person.user, login=done.login, created=created
    )
    return LoggedIn(done.login, done.token, created, warnings, payload)
