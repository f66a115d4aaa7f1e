"""One user is erased: everything of wxauth's goes, and what stays is nobody's."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import router, transaction
from django.db.models import Q

from wxauth import signals
from wxauth.exceptions import NotFound
from wxauth.managers import locked
from wxauth.models import Event, Identity, Merge, OpenId, Person
from wxauth.services.journal import events
from wxauth.services.journal.events import user_key
from wxauth.services.profile import pictures
from wxauth.wiring import get_adapter

from . import blocks


def erase(key: Any, *, actor: Any = "", appid: str = "") -> None:
    """Erase the user with this key, and whoever was merged into it. Part of a transaction.

    Logins, openids, identities, persons, pictures, conflicts and the personal parts of merges go;
    the users stay, anonymous and inactive. Whether it may be done, ``deletion.conclude`` asks.

    ``actor`` and ``appid`` are for the event: who, or what, wanted it, and in which app.

    Raises ``NotFound``, ``StorageUnavailable``, and what the adapter raises; then the caller's
    transaction must be rolled back.
    """
    family = _Family(key)
    persons = family.persons
    openids = list(
        OpenId.objects.filter(identity__person__in=persons).select_for_update().order_by("pk")
    )
    identities = list(Identity.objects.filter(person__in=persons))
    if family.is_shut_out:
        blocks.remember(identities=identities, openids=openids)
    texts = [user_key(person) for person in persons]
    Merge.objects.filter(Q(source__in=texts) | Q(target__in=texts)).update(rows=[], accounts={})
    Person.objects.filter(pk__in=[person.pk for person in persons]).delete()
    for user in family.users:
        _forget_in_admin_log(user)
        get_adapter().erase_user(user=user)
    events.record(kind=Event.Kind.ERASED, user=key, actor=actor, appid=appid)
    # While a failure still undoes the rest: a picture that nobody refers to is never found again.
    for person in persons:
        if person.avatar.name:
            pictures.delete(person.avatar.name)
    user = family.users[0]
    transaction.on_commit(
        partial(signals.erased.send_robust, sender=type(user), user=user), using=family.using
    )


class _Family:
    """A user, and who was merged into it, with their persons: locked until the transaction ends."""

    def __init__(self, key: Any) -> None:
        self.using = router.db_for_write(Person)
        self.users = self._lock([key])
        found = [key]
        # Nobody is merged into a user who is locked: what is found is all there is.
        while found:
            merged = locked(Person.objects.filter(merged_into__in=found))
            found = [person.pk for person in merged]
            self.users += self._lock(found)
        self.persons = list(locked(Person.objects.filter(pk__in=[user.pk for user in self.users])))
        if key not in {person.pk for person in self.persons}:
            raise NotFound("No such person.")

    def _lock(self, keys: list[Any]) -> list[Any]:
        if not keys:
            return []
        users = get_user_model()._base_manager.using(self.using).select_for_update()
        return list(users.filter(pk__in=keys).order_by("pk"))

    @property
    def is_shut_out(self) -> bool:
        blocked = any(person.blocked_at is not None for person in self.persons)
        return blocked or not self.users[0].is_active


def _forget_in_admin_log(user: Any) -> None:
    """The admin's own log keeps the username of the day: what was done stays, to whom by key."""
    if not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin.models import LogEntry
    from django.contrib.contenttypes.models import ContentType

    LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(type(user)), object_id=str(user.pk)
    ).update(object_repr=f"#{user.pk}")
