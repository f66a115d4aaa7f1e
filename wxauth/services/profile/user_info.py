"""Nickname and avatar: what the person typed, or what WeChat still tells."""

from __future__ import annotations

import logging
import unicodedata
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from wxauth.exceptions import InvalidRequest, WxauthError
from wxauth.models import Login, Person
from wxauth.services import transactions
from wxauth.services.data import opening
from wxauth.types import App, Session
from wxauth.wiring import get_client

logger = logging.getLogger("wxauth.profile")

NICKNAME_LENGTH = 64
#: Seconds that somebody who has just signed up waits for what WeChat shows of them: fewer than a
#: second request with the same code waits for the first (``claims``).
PATIENCE = 1.5
#: What WeChat calls everybody since 2022; never anybody's name (protocol: 7).
ANONYMOUS_NICKNAME = "微信用户"
#: Part of the path of the grey avatar that goes with it, whatever size is asked for.
_GREY_AVATAR = (
    "/POgEwh4mIHO4nibH0KlMECNjjGxQUq24ZEaGT4poC6icRiccVGKSyXwibcPq4BWmiaIGuG1icwxaQX6grC9VemZoJ8rg/"
)

#: Marks that turn the direction of the text around them: a name with one rewrites its neighbours.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def set_nickname(*, login: Login, nickname: str) -> None:
    """Keep the nickname that the person typed. Raises ``InvalidRequest``."""
    nickname = nickname.strip()
    if not nickname:
        raise InvalidRequest(_("The nickname is empty."), field="nickname")
    if len(nickname) > NICKNAME_LENGTH:
        raise InvalidRequest(_("The nickname is too long."), field="nickname")
    if any(_is_unprintable(character) for character in nickname):
        raise InvalidRequest(_("The nickname holds control characters."), field="nickname")
    if nickname == ANONYMOUS_NICKNAME:
        raise InvalidRequest(
            _("This is WeChat's placeholder for people without a nickname."), field="nickname"
        )
    _write(login, nickname=nickname, nickname_appid=login.appid)


def ask(*, login: Login, app: App, session: Session) -> None:
    """Ask WeChat what somebody who has just signed up agreed to show, and keep what is real in it.

    Where the session has an access_token for it. The login is done, and nothing fails it any more.
    """
    if session.access_token is None:
        return
    try:
        shown = get_client(app).user_info(session, seconds=PATIENCE)
        keep_user_info(
            login=login, data={"nickName": shown.nickname, "avatarUrl": shown.avatar_url}
        )
    except WxauthError as error:
        logger.warning(
            "Login %s is without a nickname and a picture: %s.", login.pk, type(error).__name__
        )


def take_user_info(
    *,
    login: Login,
    encrypted_data: str,
    iv: str,
    raw_data: str | None = None,
    signature: str | None = None,
) -> None:
    """Open what ``wx.getUserInfo`` or ``wx.getUserProfile`` gave, and keep what is real in it.

    Raises ``SessionKeyMissing`` and ``Undecryptable``.
    """
    opening.open_data(
        login=login,
        encrypted_data=encrypted_data,
        iv=iv,
        raw_data=raw_data,
        signature=signature,
        wanted=is_user_info,
        keep=partial(keep_opened, login),
    )


def keep_opened(login: Login, opened: opening.Opened) -> None:
    """Keep the user info in opened data, if it is that."""
    if is_user_info(opened.data):
        keep_user_info(login=login, data=opened.data)


def is_user_info(data: dict[str, Any]) -> bool:
    return isinstance(data.get("nickName"), str)


def keep_user_info(*, login: Login, data: dict[str, Any]) -> None:
    """Keep what is real in WeChat's user info; an anonymous profile overwrites nothing."""
    changes: dict[str, str] = {}
    nickname = clean_nickname(data["nickName"])
    if nickname:
        changes |= {"nickname": nickname, "nickname_appid": login.appid}
    avatar_url = data.get("avatarUrl")
    if isinstance(avatar_url, str) and _is_real_avatar(avatar_url):
        changes |= {"avatar_url": avatar_url, "avatar_appid": login.appid}
    if changes:
        _write(login, **changes)


def clean_nickname(text: str) -> str:
    """What can be kept of somebody else's idea of a nickname; empty for WeChat's placeholder."""
    nickname = "".join(c for c in text if not _is_unprintable(c)).strip()
    return "" if nickname == ANONYMOUS_NICKNAME else nickname[:NICKNAME_LENGTH].strip()


def _is_real_avatar(url: str) -> bool:
    return (
        url.startswith(("https://", "http://"))
        and len(url) <= 1024
        and url.isascii()
        and url.isprintable()
        and _GREY_AVATAR not in url
    )


def _is_unprintable(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or character in _BIDI


def _write(login: Login, **changes: str) -> None:
    transactions.run(lambda: Person.objects.filter(pk=login.person_id).update(**changes))
    for name, value in changes.items():
        setattr(login.person, name, value)
