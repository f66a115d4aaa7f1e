"""How a code becomes a session: the one place that knows what each kind of app's code is worth.

The next door that has codes is a row in ``EXCHANGES``. What comes of it may have no session_key:
only mini-programs have one.
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
}


def get_app(appid: str | None) -> App:
    """The app of this appid, or the default one, whose codes log somebody in here.

    Raises ``UnknownApp``, also for a kind of app that has no such codes.
    """
    app = conf.get_app(appid)
    if app.kind not in EXCHANGES:
        raise UnknownApp("This kind of app has no login codes.")
    return app


def exchange(*, app: App, code: Secret) -> Session:
    """Ask WeChat who obtained this code of this app. The code is spent by it.

    Raises ``InvalidRequest`` for no code at all, ``CodeRefused``, ``Blocked`` and the
    ``WeChatError`` family.
    """
    if not code:
        raise InvalidRequest(_("The code is empty."), field="code")
    return EXCHANGES[app.kind](get_client(app), code)
