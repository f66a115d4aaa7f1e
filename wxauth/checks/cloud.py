"""Logins by the gateway of WeChat Cloud Hosting (微信云托管)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004
from django.utils.translation import gettext as _


def check_environment(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    if declared.get("CLOUD") is True and not os.environ.get("CBR_ENV_ID"):
        yield Error(
            _('WXAUTH["CLOUD"] is on, and this is no container of WeChat Cloud Hosting.'),
            hint=_(
                "There CBR_ENV_ID names the environment. Anywhere else, whoever writes the headers "
                "is whoever they like: switch CLOUD off."
            ),
            id="wxauth.E045",
        )


def check_access(declared: Mapping[str, Any]) -> Iterator[CheckMessage]:
    if declared.get("CLOUD") is True:
        yield Warning(
            _('WXAUTH["CLOUD"] is on: X-WX-* headers say who somebody is.'),
            hint=_(
                "Switch public access (公网访问) of the service off: nobody promises that forged "
                "headers are taken away there. Then silence this warning."
            ),
            id="wxauth.W044",
        )
