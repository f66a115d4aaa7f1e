"""What the project has stored, for the simulated phone to show. The one part that needs Django.

Read only, and without a secret: of a sealed value only that it is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import Error, connections
from django.db.models import Model, Prefetch
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from wxauth.models import Identity, Login, OpenId, Person
from wxauth.services.profile import phone
from wxauth.types import Secret

#: People, and logins of each: more does not fit beside a phone.
PEOPLE = 6
LOGINS = 5


def read_rows() -> dict[str, Any]:
    """The people who logged in last, with everything that hangs on them."""
    try:
        return {"people": [_person(person) for person in _people()]}
    except Error as error:
        # Most likely: migrate was not run yet.
        return {"people": [], "error": type(error).__name__}
    finally:
        # Each connection of a browser is a thread of its own, which would keep its connection.
        connections.close_all()


def _people() -> list[Person]:
    newest: dict[Any, None] = {}
    for person_id in Login.objects.order_by("-pk").values_list("person_id", flat=True)[:200]:
        newest.setdefault(person_id)
    openids = OpenId.objects.order_by("pk")
    identities = Identity.objects.order_by("pk").prefetch_related(
        Prefetch("openids", queryset=openids)
    )
    people = Person.objects.select_related("user").prefetch_related(
        Prefetch("identities", queryset=identities)
    )
    found = people.in_bulk(list(newest)[:PEOPLE])
    return [found[person_id] for person_id in newest if person_id in found]


def _person(person: Person) -> dict[str, Any]:
    logins = Login.objects.filter(person=person).select_related("via").order_by("-pk")
    return {
        "id": str(person.pk),
        "user": person.user.get_username(),
        "nickname": person.nickname,
        "avatar": bool(person.avatar),
        "phone": _mask(phone.read(person)),
        "blocked": person.blocked_at is not None,
        "merged": person.merged_into_id is not None,
        "admin": _admin(person) or _admin(person.user),
        "identities": [_identity(identity) for identity in person.identities.all()],
        "logins": [_login(login) for login in logins[:LOGINS]],
        "loginCount": logins.count(),
    }


def _identity(identity: Identity) -> dict[str, Any]:
    return {
        "platform": identity.platform,
        "unionid": _shorten(identity.unionid),
        "openids": [
            {"appid": row.appid, "openid": _shorten(row.openid), "failures": row.failures}
            for row in identity.openids.all()
        ],
    }


def _login(login: Login) -> dict[str, Any]:
    return {
        "id": str(login.pk),
        "appid": login.appid,
        "device": login.user_agent,
        "live": login.is_live(timezone.now()),
        "ended": login.revoked_at is not None,
        "hasSessionKey": login.sealed_session_key is not None,
        "admin": _admin(login),
    }


def _shorten(value: str | None) -> str | None:
    return f"{value[:6]}…{value[-4:]}" if value else None


def _mask(number: Secret | None) -> str | None:
    return f"{number.reveal()[:-8]}****{number.reveal()[-4:]}" if number else None


def _admin(row: Model) -> str | None:
    return reverse_or_none(
        f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk]
    )


def reverse_or_none(name: str, args: list[Any] | None = None) -> str | None:
    """The path of a view, where the project has it (and has paths at all)."""
    if not hasattr(settings, "ROOT_URLCONF"):
        return None
    resolve: Callable[..., str] = reverse
    try:
        return resolve(name, args=args)
    except NoReverseMatch:
        return None
