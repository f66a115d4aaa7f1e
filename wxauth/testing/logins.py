"""Somebody who is logged in already, for tests of what comes after a login."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from . import cipher
from .people import derive

# Whoever takes the fake only has no Django that is set up.
if TYPE_CHECKING:
    from rest_framework.test import APIClient

    from wxauth.models import Login
    from wxauth.services.login.entry import Opening
    from wxauth.types import App, Session


@dataclass(frozen=True)
class LiveLogin:
    """What ``log_in`` made."""

    #: The row, as ``request.auth`` has it: ``.appid``, ``.openid``, ``.person.user``.
    login: Login
    #: ``wxa_…``
    token: str = field(repr=False)
    #: REST framework's test client, which sends the token with every request.
    client: APIClient = field(repr=False)


def log_in(user: Any, appid: str | None = None) -> LiveLogin:
    """Log a user of the project in, without HTTP and without a WeChat.

    For any user, also one whom wxauth has never seen: the rows are those of a real login in this
    app (or the default one), made by the same services, with the same news. The openid is the
    user's own in that app, or one derived from the user's key.

    Raises ``UnknownApp`` for an app that is not configured, and ``Blocked`` for a user who may not
    log in.
    """
    from rest_framework.test import APIClient

    from wxauth.services import transactions
    from wxauth.services.login.entry import Opening
    from wxauth.services.login.exchange import get_app

    opening = Opening()
    login = transactions.run(partial(_open, user=user, app=get_app(appid), opening=opening))
    token = opening.token.reveal()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return LiveLogin(login, token, client)


def _open(*, user: Any, app: App, opening: Opening) -> Login:
    from django.utils import timezone

    from wxauth.exceptions import Blocked
    from wxauth.models import Person
    from wxauth.services.login.entry import Device, open_login
    from wxauth.services.login.linking import own

    now = timezone.now()
    person, _ = Person.objects.get_or_create(user=user, defaults={"created_at": now})
    person.user = user
    if person.is_shut_out:
        raise Blocked("This person may not log in.")
    session = _session(user, app)
    openid, _ = own(person, app=app, session=session, now=now)
    openid.identity.person = person
    return open_login(
        openid=openid, app=app, session=session, opening=opening, device=Device(), now=now
    )


def _session(user: Any, app: App) -> Session:
    """What WeChat would say of this user."""
    from wxauth.models import Identity, OpenId
    from wxauth.types import Secret, Session

    key = Secret(cipher.new_session_key())
    known = OpenId.objects.for_user(user, app.appid).select_related("identity").first()
    if known is not None:
        return Session(known.openid, key, known.identity.unionid)
    identity = Identity.objects.filter(person=user.pk, platform=app.platform).first()
    unionid = identity.unionid if identity else derive("unionid", app.platform, str(user.pk))
    return Session(derive("openid", app.appid, str(user.pk)), key, unionid)
