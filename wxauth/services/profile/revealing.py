"""A phone number in full, for the staff: one at a time, for a reason, and on record."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from wxauth.exceptions import InvalidRequest, NotFound
from wxauth.models import Event, Person
from wxauth.services import limits, transactions
from wxauth.services.journal import events
from wxauth.types import Secret

from . import phone

PERMISSION = "wxauth.reveal_phone"
LONGEST_REASON = 200


def reveal(*, key: Any, actor: Any, reason: str) -> Secret:
    """The number of the person with this key, in E.164 form, for ``actor``, a user.

    Who asked and why is an event, written in the same transaction: no event, no number.

    Raises Django's ``PermissionDenied``, ``InvalidRequest`` for a reason that is none,
    ``RateLimited``, ``NotFound`` where there is no number that can be read, and
    ``DatabaseUnavailable``.
    """
    if not actor.has_perm(PERMISSION):
        raise PermissionDenied
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON or not reason.isprintable():
        raise InvalidRequest(_("Say why you need it, in one line."), field="reason")
    limits.hit("reveal", str(actor.pk))
    return transactions.run(partial(_reveal, key=key, actor=actor, reason=reason))


def _reveal(*, key: Any, actor: Any, reason: str) -> Secret:
    person = Person.objects.filter(pk=key).first()
    number = None if person is None else phone.read(person)
    if number is None:
        raise NotFound("There is no phone number.")
    events.record(kind=Event.Kind.PHONE_SHOWN, user=key, actor=actor, detail={"reason": reason})
    return number
