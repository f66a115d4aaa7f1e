"""Somebody asks for their account to be deleted (注销), takes it back, or is deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from wxauth.conf import conf
from wxauth.exceptions import DeletionRefused, NotFound
from wxauth.managers import locked
from wxauth.models import Event, Login, Person
from wxauth.services import limits, transactions
from wxauth.services.journal import events
from wxauth.wiring import get_adapter

from . import erasing

#: The columns of somebody who has not asked.
NOT_ASKED: dict[str, Any] = {
    "deletion_asked_at": None,
    "deletion_due_at": None,
    "deletion_refusal": "",
}


def ask(*, login: Login) -> None:
    """Note that the caller wants to be deleted, once the waiting time is over.

    Asked again, it changes nothing. Raises ``DeletionRefused`` and ``RateLimited``.
    """
    limits.hit("deletion", str(login.person_id), appid=login.appid)
    words = get_refusal(login.person.user)
    if words:
        raise DeletionRefused(words)
    transactions.run(lambda: _ask(login))
    _refresh(login)


def cancel(*, login: Login) -> None:
    """The caller stays. Not asked for, it changes nothing."""
    transactions.run(lambda: _cancel(login))
    _refresh(login)


def conclude(key: Any, *, actor: Any = "", appid: str = "") -> bool:
    """Erase the user with this key now, unless something stands in the way. Part of a transaction.

    Answers whether it was done; otherwise the staff find the person, with the reason, in the list
    of deletions. ``actor`` and ``appid`` are for the event.

    Raises like ``erasing.erase``, whatever the caller's transaction has done until then.
    """
    person = locked(Person.objects.filter(pk=key)).select_related("user").first()
    if person is None:
        raise NotFound("No such person.")
    words = get_refusal(person.user)
    if not words:
        erasing.erase(person.pk, actor=actor, appid=appid)
        return True
    now = timezone.now()
    Person.objects.filter(pk=person.pk).update(
        deletion_asked_at=Coalesce(F("deletion_asked_at"), Value(now)),
        deletion_due_at=Coalesce(F("deletion_due_at"), Value(now)),
        deletion_refusal=words,
    )
    if words != person.deletion_refusal:  # Once, not every day.
        events.record(kind=Event.Kind.DELETION_REFUSED, user=person, actor=actor, appid=appid)
    return False


def get_refusal(user: Any) -> str:
    """Why this user cannot be deleted now; empty where nothing stands in the way."""
    if getattr(user, "is_staff", False) or getattr(user, "is_superuser", False):
        return _("Accounts of the staff are not deleted this way.")
    return get_adapter().refuse_deletion(user=user)[:200]


def _ask(login: Login) -> None:
    now = timezone.now()
    due_at = now + timedelta(days=conf.DELETION_DAYS)
    asked = Person.objects.filter(pk=login.person_id, merged_into=None, deletion_due_at=None)
    if asked.update(deletion_asked_at=now, deletion_due_at=due_at, deletion_refusal=""):
        events.record(
            kind=Event.Kind.DELETION_ASKED,
            user=login.person_id,
            actor=login.person_id,
            appid=login.appid,
        )


def _cancel(login: Login) -> None:
    asked = Person.objects.filter(pk=login.person_id, deletion_due_at__isnull=False)
    if asked.update(**NOT_ASKED):
        events.record(
            kind=Event.Kind.DELETION_CANCELLED,
            user=login.person_id,
            actor=login.person_id,
            appid=login.appid,
        )


def _refresh(login: Login) -> None:
    """What stands there now is what is answered, whoever wrote it."""
    now = Person.objects.filter(pk=login.person_id).values(*NOT_ASKED).first()
    if now is None:
        raise NotFound("The person is gone.")
    for name, value in now.items():
        setattr(login.person, name, value)
