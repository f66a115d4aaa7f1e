"""What Django only warns about and this project cannot run without."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _


def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    """What has no default once DEBUG is off; wxauth's own checks name what is wxauth's."""
    hints = {
        "SECRET_KEY": _("Set it to 50 or more random characters, the same on every machine."),
        "ALLOWED_HOSTS": _("Set it to the host names of this server, comma separated."),
    }
    return [
        Error(_("%(name)s is not set.") % {"name": name}, hint=hint, id=f"users.E00{number}")
        for number, (name, hint) in enumerate(hints.items(), start=1)
        if not _is_set(name)
    ]


def _is_set(name: str) -> bool:
    try:
        return bool(getattr(settings, name))
    except ImproperlyConfigured:  # Django's way of saying that SECRET_KEY is empty
        return False
