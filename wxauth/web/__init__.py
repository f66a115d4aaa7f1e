"""Browsers: a website's QR code, pages inside WeChat, and a mini-program's web-view.

Optional: ``path("wechat/", include("wxauth.web.urls"))``, with Django's sessions,
``wxauth.backends.WeChatBackend`` and ``wxauth.web.middleware.WeChatSessionMiddleware``.
"""

from __future__ import annotations

from .sessions import get_openid

__all__ = ["get_openid"]
