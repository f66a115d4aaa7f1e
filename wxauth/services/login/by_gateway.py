"""A login without a code: the gateway of WeChat Cloud Hosting (微信云托管) says who is calling.

It puts X-WX-* headers on every call through ``callContainer``. A call over a public address has
none, and that its forged ones would be taken away is promised nowhere (channels 6.2): the headers
are believed with ``WXAUTH["CLOUD"]`` only, for a service whose public access is off. What else is
held against them here is hygiene: a forger could write that too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from wxauth.conf import conf
from wxauth.exceptions import InvalidCode, UnknownApp
from wxauth.services import limits
from wxauth.types import ID, App, Channel, Kind, Secret, Session
from wxauth.wiring import get_adapter

from . import enclosures
from .enclosures import Enclosure
from .entry import Device, LoggedIn
from .signing_in import announcing_failure, sign_in

#: Who may have made the call: a person in WeChat, or a developer in its tools. A chain such as
#: ``wx_client,scf`` begins with that.
SOURCES = frozenset({"wx_client", "wx_devtools"})
#: The appid, openid and unionid of the calling app where an environment is shared (资源复用), else
#: of the environment's owner.
CALLER = ("X-WX-FROM-APPID", "X-WX-FROM-OPENID", "X-WX-FROM-UNIONID")
OWNER = ("X-WX-APPID", "X-WX-OPENID", "X-WX-UNIONID")
#: The kinds of apps that call through the gateway.
KINDS = frozenset({Kind.MINIPROGRAM, Kind.OFFICIAL_ACCOUNT})


def log_in(
    *,
    app: App,
    session: Session,
    phone_code: Secret | None = None,
    enclosure: Enclosure | None = None,
    signup: bool = True,
    extra: Mapping[str, Any] | None = None,
    device: Device | None = None,
    hit: limits.Hit | None = None,
) -> LoggedIn:
    """Log in the person of whom the gateway has spoken (``read``).

    The others are those of ``by_code.log_in``. Raises ``InvalidRequest`` for what needs a
    session_key, and whatever ``signing_in.sign_in`` does.
    """
    if hit is not None:
        hit.count()
    device = device or Device()
    enclosures.refuse_misplaced(app=app, enclosure=enclosure, phone_code=phone_code, has_key=False)
    with announcing_failure(app, device):
        done = sign_in(
            app=app,
            session=session,
            device=device,
            channel=Channel.CLOUD,
            phone_code=phone_code,
            signup=signup,
            extra=extra,
        )
    payload = get_adapter().login_payload(
        user=done.login.person.user, login=done.login, created=done.created
    )
    return LoggedIn(done.login, done.token, done.created, done.warnings, payload)


def read(headers: Mapping[str, str], claimed: str | None = None) -> tuple[App, Session]:
    """The app and the person of whom the gateway speaks, if ``WXAUTH["CLOUD"]`` is on.

    ``claimed`` is the appid that the phone says, if it does, and has to be the gateway's. Raises
    ``InvalidCode`` where the gateway has not spoken, or of somebody else's.
    """
    if not conf.CLOUD:
        raise InvalidCode("No gateway is believed here.")
    source = headers.get("X-WX-SOURCE", "").partition(",")[0].strip()
    environment = os.environ.get("CBR_ENV_ID", "")
    if source not in SOURCES or not environment or headers.get("X-WX-ENV") != environment:
        raise InvalidCode("No call through the gateway of this environment.")
    names = CALLER if headers.get("X-WX-FROM-OPENID") else OWNER
    appid, openid, unionid = (headers.get(name, "") for name in names)
    if claimed is not None and claimed != appid:
        raise InvalidCode("The gateway speaks of another app than the phone.")
    if not _is_id(openid) or (unionid and not _is_id(unionid)):
        raise InvalidCode("The gateway names nobody.")
    try:
        app = conf.get_app(appid)
    except UnknownApp:
        raise InvalidCode("The gateway speaks of an app that is not configured.") from None
    if app.kind not in KINDS:
        raise InvalidCode("Such an app does not call through the gateway.")
    return app, Session(openid, unionid=unionid or None)


def _is_id(text: str) -> bool:
    # Two headers of one name are joined by a comma: the gateway's, and one that was there before.
    return ID.fullmatch(text) is not None and "," not in text
