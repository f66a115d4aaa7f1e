"""WeChat login for Django."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .wechat.client import WeChatClient

__all__ = ["get_access_token", "get_client"]


def get_client(appid: str | None = None) -> WeChatClient:
    """The client of WeChat's server API for this app (or the default one).

    Raises ``wxauth.exceptions.UnknownApp`` for an appid that is not configured.
    """
    from .conf import conf
    from .wiring import get_client

    return get_client(conf.get_app(appid))


def get_access_token(appid: str | None = None) -> str:
    """WeChat's access_token of this app (or the default one), for calls of your own.

    All processes share it; it is renewed before its end, and waited for at most five seconds,
    where there is none at all. Do not keep it: ask again for every call.

    Raises ``UnknownApp``, ``DatabaseUnavailable`` and the ``WeChatError`` family, all of
    ``wxauth.exceptions``. Keep it out of logs, and away from clients.
    """
    from .conf import conf
    from .wechat.access_token import WAIT
    from .wiring import get_access_token_source

    app = conf.get_app(appid)
    return get_access_token_source(app).get(app.appid, seconds=WAIT).reveal()
