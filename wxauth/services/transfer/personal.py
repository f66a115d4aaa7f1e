"""Everything that is kept about one person, for that person: docs/privacy.md names each column."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone

from wxauth.clock import rfc3339
from wxauth.exceptions import NotFound
from wxauth.models import Event, Identity, Login, OpenId, Person
from wxauth.services.journal.events import user_key
from wxauth.services.profile import phone
from wxauth.types import Secret
from wxauth.wiring import get_adapter

#: The newest logins and events that are told: what one answer holds has a bound.
LISTED = 10_000


def collect(person: Person, *, locate: Callable[[str], str] = str) -> dict[str, Any]:
    """One JSON document. The phone number in it is a ``Secret``.

    ``locate`` makes an absolute address of a picture's. No session_key, digest or hash, and nobody
    else: of an event neither who else was there, nor who of the staff did it.
    """
    people = [person, *_merged_into(person)]
    keys = [each.pk for each in people]
    texts = [user_key(each) for each in people]
    logins = Login.objects.filter(person__in=keys).select_related("via")
    events = Event.objects.filter(Q(user__in=texts) | Q(other__in=texts))
    return {
        "exported_at": rfc3339(timezone.now()),
        "accounts": [_account(each, locate) for each in people],
        "identities": _identities(keys),
        "logins": [_login(row) for row in logins.order_by("-created_at", "-pk")[:LISTED]],
        "events": [_event(row) for row in events.order_by("-created_at", "-pk")[:LISTED]],
    }


def write_down(key: Any) -> str:
    """The same as text, of the user with this key, which may be a text. Raises ``NotFound``."""
    try:
        person = Person.objects.select_related("user").get(pk=key)
    except (Person.DoesNotExist, ValidationError, ValueError):
        raise NotFound("No such person.") from None
    return json.dumps(collect(person), default=_reveal, ensure_ascii=False, indent=2) + "\n"


def _reveal(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    # What the adapter's export_user has of dates, decimals and keys.
    return str(value)


def _merged_into(person: Person) -> list[Person]:
    """Who was merged into this person, and into those, in turn."""
    everybody: list[Person] = []
    found = [person]
    while found:
        found = list(
            Person.objects.filter(merged_into__in=[each.pk for each in found])
            .select_related("user")
            .order_by("pk")
        )
        everybody += found
    return everybody


def _account(person: Person, locate: Callable[[str], str]) -> dict[str, Any]:
    return {
        "id": str(person.pk),
        "user": dict(get_adapter().export_user(user=person.user)),
        "nickname": person.nickname,
        "nickname_appid": person.nickname_appid,
        "avatar": locate(person.avatar.url) if person.avatar else None,
        "avatar_url": person.avatar_url,
        "avatar_appid": person.avatar_appid,
        "phone": phone.read(person),
        "phone_appid": person.phone_appid,
        "blocked_at": _moment(person.blocked_at),
        "blocked_reason": person.blocked_reason,
        "deletion_asked_at": _moment(person.deletion_asked_at),
        "deletion_due_at": _moment(person.deletion_due_at),
        "deletion_refusal": person.deletion_refusal,
        "created_at": _moment(person.created_at),
        "last_seen_on": person.last_seen_on and person.last_seen_on.isoformat(),
    }


def _identities(keys: list[Any]) -> list[dict[str, Any]]:
    openids: dict[int, list[dict[str, Any]]] = {}
    for row in OpenId.objects.filter(identity__person__in=keys).order_by("pk"):
        openids.setdefault(row.identity_id, []).append(
            {"appid": row.appid, "openid": row.openid, "created_at": _moment(row.created_at)}
        )
    return [
        {"platform": row.platform, "unionid": row.unionid, "openids": openids.get(row.pk, [])}
        for row in Identity.objects.filter(person__in=keys).order_by("pk")
    ]


def _login(login: Login) -> dict[str, Any]:
    return {
        "appid": login.appid,
        "channel": login.channel,
        "created_at": _moment(login.created_at),
        "expires_at": _moment(login.expires_at),
        "revoked_at": _moment(login.revoked_at),
        "user_agent": login.user_agent,
        "address": login.address,
    }


def _event(event: Event) -> dict[str, Any]:
    return {"kind": event.kind, "appid": event.appid, "created_at": _moment(event.created_at)}


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
