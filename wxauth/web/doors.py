"""Where a browser is sent to, and where it is sent back to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from wxauth.conf import conf
from wxauth.exceptions import InvalidRequest
from wxauth.types import App, Kind

from . import states

#: What a browser is sent to after a login: a path of this site. Django's own rule lets line breaks
#: and blanks pass.
NEXT = re.compile(r"/[!-~]{0,499}", re.ASCII)

#: Silent: WeChat asks nobody, and tells the openid.
BASE = "snsapi_base"


@dataclass(frozen=True)
class Door:
    #: Of WeChat's pages.
    path: str
    #: What may be asked for, by our name for it; the empty one where nothing is said.
    scopes: Mapping[str, str]


DOORS: Mapping[Kind, Door] = {
    Kind.WEBSITE: Door("/connect/qrconnect", {"": "snsapi_login"}),
    Kind.OFFICIAL_ACCOUNT: Door(
        "/connect/oauth2/authorize",
        {"": "snsapi_userinfo", "userinfo": "snsapi_userinfo", "base": BASE},
    ),
}


def clean_next(text: str) -> str:
    """``text`` if it is a path of this site, else ``LOGIN_REDIRECT_URL``."""
    return text if is_next(text) else resolve_url(settings.LOGIN_REDIRECT_URL)


def is_next(text: str) -> bool:
    """Whether a browser that is sent here stays on this site."""
    return bool(NEXT.fullmatch(text)) and url_has_allowed_host_and_scheme(text, allowed_hosts=None)


def get_scope(app: App, name: str) -> str:
    """WeChat's name of a scope. Raises ``InvalidRequest``."""
    scope = DOORS[app.kind].scopes.get(name)
    if scope is None:
        raise InvalidRequest(_("This app has no such scope."), field="scope")
    return scope


def ask(request: HttpRequest, app: App, wish: states.Wish) -> dict[str, str]:
    """What WeChat's page has to be told, in its names and its order."""
    return {
        "appid": app.appid,
        # No query and no fragment: WeChat's pages lose or misplace them.
        "redirect_uri": request.build_absolute_uri(reverse("wxauth_web:callback")),
        "response_type": "code",
        "scope": wish.scope,
        "state": states.put(request.session, wish),
    }


def get_address(app: App, asked: Mapping[str, str]) -> str:
    """The address of WeChat's page. It wants the fragment, on a redirect too."""
    return f"{conf.OPEN_BASE}{DOORS[app.kind].path}?{urlencode(asked)}#wechat_redirect"
