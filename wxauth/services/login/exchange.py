"""How a code becomes a session: the one place that knows what each kind of app's code is worth.

The next kind of app that has codes is a row in ``EXCHANGES``. What comes of it may have no
session_key: only mini-programs have one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.utils.translation import gettext as _

from wxauth.conf import conf
from wxauth.exceptions import InvalidRequest, UnknownApp
from wxauth.types import App, Kind, Secret, Session
from wxauth.wechat.client import WeChatClient
from wxauth.wiring import get_client

EXCHANGES: Mapping[Kind, Callable[[WeChatClient, Secret], Session]] = {
    Kind.MINIPROGRAM: lambda client, code: client.code2session(code),
    Kind.MOBILE_APP: lambda client, code: client.oauth2_token(code),
    Kind.WEBSITE: lambda client, code: client.oauth2_token(code),
    Kind.OFFICIAL_ACCOUNT: lambda client, code: client.oauth2_token(code),
}
#: Whose codes come to a browser, bound to it by a state. Sent to us by anybody else, such a code
#: would log its reader in as whoever obtained it (login CSRF).
BROWSERS = frozenset({Kind.WEBSITE, Kind.OFFICIAL_ACCOUNT})


def get_app(appid: str | None) -> App:
    """The app of this appid, or the default one, whose codes a phone may send us.

    Raises ``UnknownApp``, also for an app that logs in through the browser.
    """
    app = conf.get_app(appid)
    if app.kind in BROWSERS:
        raise UnknownApp("This app logs in through the browser.")
    return app


def get_browser_app(appid: str) -> App:
    """The app of this appid, whose codes come to a browser. Raises ``UnknownApp``."""
    app = conf.get_app(appid)
    if app.kind not in BROWSERS:
        raise UnknownApp("This app does not log in through the browser.")
    return app


def exchange(*, app: App, code: Secret) -> Session:
    """Ask WeChat who obtained this code of this app. The code is spent by it.

    Raises ``InvalidRequest`` for no code at all, ``CodeRefused``, ``SnapshotUser``, ``Blocked``
    and the ``WeChatError`` family.
    """
    if not code:
        raise InvalidRequest(_("The code is empty."), field="code")
    return EXCHANGES[app.kind](get_client(app), code)
