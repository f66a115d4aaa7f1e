"""Every day: whose waiting time is over is erased, one person a transaction."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.utils import timezone

from wxauth.managers import locked
from wxauth.models import Person
from wxauth.services import transactions
from wxauth.services.journal.counts import count

from . import deletion, working_days

logger = logging.getLogger("wxauth.deletion")


@dataclass
class Settled:
    """What became of those whose waiting time was over."""

    erased: int = 0
    #: The adapter, or that they are staff, stands in the way.
    refused: int = 0
    #: The keys of those with whom something went wrong: they are due tomorrow, too.
    failed: list[Any] = field(default_factory=list)


def settle(*, actor: str) -> Settled:
    """Erase everybody who is due. ``actor`` is for the events.

    One person a transaction, and one who fails keeps nobody else waiting. Whoever stops this in
    the middle starts it again.
    """
    settled = Settled()
    for key in _find_due():
        try:
            done = transactions.run(partial(_conclude, key, actor))
        except Exception as error:  # noqa: BLE001 - adapters raise what they like
            # By its kind: the message may hold what is to be erased.
            logger.error("User %s could not be erased: %s.", key, type(error).__name__)
            settled.failed.append(key)
            continue
        settled.erased += done is True
        settled.refused += done is False
    if late := count_late():
        logger.error("%s deletions are near the end of the fifteen working days.", late)
        count("", "deletion_late", late)
    return settled


def count_late() -> int:
    """How many have been asked for ten working days ago, or more, and are not done."""
    asked = Person.objects.filter(deletion_due_at__lte=timezone.now(), merged_into=None)
    moments: Any = asked.values_list("deletion_asked_at", flat=True)
    return sum(working_days.left(moment) <= working_days.WARNING for moment in moments)


def _find_due() -> list[Any]:
    due = Person.objects.filter(deletion_due_at__lte=timezone.now(), merged_into=None)
    return list(due.order_by("deletion_due_at", "pk").values_list("pk", flat=True))


def _conclude(key: Any, actor: str) -> bool | None:
    """None: taken back since, or merged."""
    person = locked(Person.objects.filter(pk=key)).first()
    if (
        person is None
        or person.merged_into_id is not None
        or person.deletion_due_at is None
        or person.deletion_due_at > timezone.now()
    ):
        return None
    return deletion.conclude(key, actor=actor)
