"""PUBLIC: what a login view of the project's own is made of.

For clients that are out there already and speak otherwise than ``login/``: by headers, with GET,
as a form, in an envelope of their own. Subclass ``LoginView``; docs/login-views.md shows how.
"""

from __future__ import annotations

from .api.login import LoginRequest, LoginView
from .api.parsers import FormParser, StrictJSONParser
from .services.login.enclosures import Enclosure, Rejected
from .services.login.entry import LoggedIn

__all__ = [
    "Enclosure",
    "FormParser",
    "LoggedIn",
    "LoginRequest",
    "LoginView",
    "Rejected",
    "StrictJSONParser",
]
