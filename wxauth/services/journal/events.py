"""What happened to people, for the staff: written once, with whatever it tells of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from wxauth.logging import get_request_id
from wxauth.models import Event


def record(
    *,
    kind: Event.Kind,
    user: Any,
    other: Any = "",
    appid: str = "",
    actor: Any = "",
    detail: Mapping[str, Any] | None = None,
) -> Event:
    """Write an event, as part of the transaction that it tells of.

    ``user``, ``other`` and ``actor`` are users or their keys; ``actor`` may also be the name of a
    command, and is empty where a login did it by itself. ``detail`` is JSON without secrets, phone
    numbers, openids and unionids: an event outlives whoever it tells of.
    """
    event: Event = Event.objects.create(
        kind=kind.value,
        user=user_key(user),
        other=user_key(other),
        appid=appid,
        actor=user_key(actor),
        request_id=get_request_id(),
        detail=dict(detail or {}),
        created_at=timezone.now(),
    )
    return event


def user_key(user: Any) -> str:
    """The key of a user as text, as events and merges name users."""
    return str(getattr(user, "pk", user))
