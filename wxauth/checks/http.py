"""How WeChat is reached, and how often we may be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.checks import CheckMessage, Error
from django.utils.translation import gettext as _

from wxauth.conf import LIMITS, RATE


def check_bases(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for key in ("API_BASE", "OPEN_BASE"):
        base = declared.get(key)
        if base and not (isinstance(base, str) and _is_address(base)):
            yield Error(
                _('WXAUTH["%(key)s"] must be an address such as https://api.weixin.qq.com.')
                % {"key": key},
                hint=_("http or https, a host, no user name, nothing after a question mark."),
                id="wxauth.E016",
            )


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    surplus = parts.query or parts.fragment or parts.username
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not surplus


def check_limits(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    limits = declared.get("LIMITS", {})
    if not (
        isinstance(limits, Mapping)
        and all(name in LIMITS and RATE.fullmatch(str(rate)) for name, rate in limits.items())
    ):
        yield Error(
            _('WXAUTH["LIMITS"] must be a dict of rates such as {"login_openid": "30/min"}.'),
            hint=_("The limits are: %(names)s; a rate is a number per sec, min, hour or day.")
            % {"names": ", ".join(LIMITS)},
            id="wxauth.E021",
        )
