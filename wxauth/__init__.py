"""WeChat login for Django."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .wechat.client import WeChatClient

__all__ = ["get_client"]


def get_client(appid: str | None = None) -> WeChatClient:
    """The client of WeChat's server API for this app (or the default one).

    Raises ``wxauth.exceptions.UnknownApp`` for an appid that is not configured.
    """
    from .wiring import get_client

    return get_client(appid)
