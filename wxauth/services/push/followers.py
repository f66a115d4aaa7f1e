"""Somebody follows an official account: who is known by unionid is known there, too. (channels 4.2)

So the project can write to its users. Strangers leave no row: following is not signing up.
"""

from __future__ import annotations

import logging
from datetime import datetime

from wxauth.exceptions import WxauthError
from wxauth.models import OpenId
from wxauth.services.data import replay
from wxauth.services.login import admission
from wxauth.types import ID, App, Kind, Session
from wxauth.wiring import get_client

from .messages import Message, get_event, get_text

logger = logging.getLogger("wxauth.push")

#: Followed; scanned a code of the account's, following it already.
EVENTS = ("subscribe", "scan")


def find_unionid(app: App, message: Message, digest: str) -> str | None:
    """The unionid of a follower whose openid is new here; the message does not say it.

    WeChat is asked, outside of any transaction. Where it does not answer, this follower stays
    unknown until the next time: an answer of ours that fails would be shown to them.
    """
    if app.kind is not Kind.OFFICIAL_ACCOUNT or get_event(message) not in EVENTS:
        return None
    openid = get_text(message, "FromUserName")
    if not ID.fullmatch(openid) or replay.is_spent(digest) or _is_known(app, openid):
        return None
    try:
        return get_client(app).get_follower_unionid(openid)
    except WxauthError as error:
        logger.warning("WeChat was not to tell who follows %s: %s", app.appid, error)
        return None


def add(app: App, message: Message, unionid: str, now: datetime) -> None:
    """Give the openid to whom the unionid belongs, as part of a transaction."""
    session = Session(get_text(message, "FromUserName"), unionid=unionid)
    identity = admission.find_identity(app=app, session=session)
    # Of whoever is shut out nothing is learned.
    if identity is None or identity.person.is_shut_out or _is_known(app, session.openid):
        return
    OpenId.objects.create(identity=identity, appid=app.appid, openid=session.openid, created_at=now)


def _is_known(app: App, openid: str) -> bool:
    return bool(OpenId.objects.filter(appid=app.appid, openid=openid).exists())
