from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from wxauth.crypto.tokens import new_token, token_digest
from wxauth.models import Identity, Login, OpenId, Person
from wxauth.services.data import session_keys
from wxauth.services.profile import phone
from wxauth.types import Secret

APPID = "wx0000000000000001"
OTHER_APPID = "wx0000000000000002"


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    settings.LANGUAGE_CODE = "en"


@pytest.fixture
def alice(db: None) -> Any:
    return get_user_model().objects.create_superuser("alice", password="x")


@pytest.fixture
def alice_client(alice: Any) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def make_staff(db: None) -> Callable[..., Client]:
    """The browser of somebody of the staff with just these permissions."""

    def make(*codenames: str) -> Client:
        user = get_user_model().objects.create_user("carol", password="x", is_staff=True)
        user.user_permissions.set(
            Permission.objects.filter(content_type__app_label="wxauth", codename__in=codenames)
        )
        client = Client()
        client.force_login(user)
        return client

    return make


@dataclass(frozen=True)
class Somebody:
    person: Person
    identity: Identity
    openid: OpenId
    login: Login
    #: What must not be read anywhere.
    secrets: tuple[str, ...]


@pytest.fixture
def make_person(db: None) -> Callable[..., Somebody]:
    """A person of this name who logged in once, by mini-program, and left a phone number."""

    def make(
        name: str, *, logins: int = 1, phone_number: str | None = None, **about: Any
    ) -> Somebody:
        now = timezone.now()
        user = get_user_model().objects.create_user(name)
        person = Person(user=user, created_at=now, last_seen_on=now.date(), **about)
        secrets = []
        if phone_number:
            columns = phone.columns(Secret(phone_number), key=person.pk, appid=APPID)
            for column, value in columns.items():
                setattr(person, column, value)
            secrets += [phone_number, person.sealed_phone, person.phone_hash, person.phone_tail]
        person.save(force_insert=True)
        identity = Identity.objects.create(person=person, platform="default", unionid=f"u-{name}")
        openid = OpenId.objects.create(
            identity=identity, appid=APPID, openid=f"o-{name}", created_at=now
        )
        made = [make_login(person, openid, now, name) for _ in range(logins)]
        for login, session_key, token in made:
            secrets += [login.digest, login.sealed_session_key, session_key, token]
        return Somebody(person, identity, openid, made[0][0], tuple(secrets))

    return make


def make_login(person: Person, openid: OpenId, now: datetime, name: str) -> tuple[Login, str, str]:
    session_key, token = f"session-key-of-{name}", new_token()
    digest = token_digest(token)
    login = Login.objects.create(
        via=openid,
        person=person,
        digest=digest,
        sealed_session_key=session_keys.seal(Secret(session_key), digest),
        channel="miniprogram",
        created_at=now,
        expires_at=now + timedelta(days=7),
        user_agent="Mozilla/5.0 MicroMessenger",
        address="203.0.113.7",
    )
    return login, session_key, token


@pytest.fixture
def bob(make_person: Callable[..., Somebody]) -> Somebody:
    return make_person("bob", nickname="Bob", phone_number="+8613800001234")


@pytest.fixture
def eve(make_person: Callable[..., Somebody]) -> Somebody:
    return make_person("eve")
