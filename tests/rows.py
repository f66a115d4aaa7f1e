"""Rows for tests that start in the middle of the story, sealed as the services seal them."""

from __future__ import annotations

import itertools
from datetime import timedelta

from django.contrib.auth import get_user_model
from django.utils import timezone

from wxauth import sealed
from wxauth.crypto.tokens import new_token, token_digest
from wxauth.models import Identity, Login, OpenId, Person
from wxauth.services.profile import phone
from wxauth.types import Secret
from wxauth.wiring import get_keyring

ONE, TWO = "wx0000000000000001", "wx0000000000000002"
SESSION_KEY = "c2Vzc2lvbi1rZXktMTIzNA=="

_numbers = itertools.count(1)


def make_openid(name: str = "", *, appid: str = ONE, identity: Identity | None = None) -> OpenId:
    """A new person with an openid; with ``identity``, another openid of that person."""
    name = name or f"person-{next(_numbers)}"
    if identity is None:
        user = get_user_model().objects.create(username=name)
        person = Person.objects.create(user=user, created_at=timezone.now())
        identity = Identity.objects.create(
            person=person, platform="default", unionid=f"union-{name}"
        )
    return OpenId.objects.create(
        identity=identity, appid=appid, openid=f"o-{name}", created_at=timezone.now()
    )


def make_login(
    openid: OpenId | None = None,
    *,
    age: float = 0,
    life: float = 3600,
    session_key: str = SESSION_KEY,
    token: str = "",
) -> Login:
    """A login made ``age`` seconds ago that has ``life`` seconds left."""
    openid = openid or make_openid()
    digest = token_digest(token or new_token())
    now = timezone.now()
    return Login.objects.create(
        via=openid,
        person=openid.identity.person,
        digest=digest,
        sealed_session_key=sealed.SESSION_KEY.seal(get_keyring(), Secret(session_key), row=digest),
        channel="miniprogram",
        created_at=now - timedelta(seconds=age),
        expires_at=now + timedelta(seconds=life),
    )


def give_phone(login: Login, number: str) -> None:
    phone.keep(login=login, number=Secret(number))


def session_key(login: Login) -> str | None:
    """What a request with this login would decrypt with."""
    row = Login.objects.get(pk=login.pk)
    if row.sealed_session_key is None:
        return None
    return sealed.SESSION_KEY.open(get_keyring(), row).reveal()
