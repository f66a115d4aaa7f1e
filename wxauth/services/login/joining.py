"""The late unionid: two users who turn out to be one person.

An app is bound to the Open Platform after people have used it, and two openids that made a user
each now bring one unionid. If one of the two users has nothing to lose it is joined into the
other; if both have, only the staff may merge them, and find them in the list of conflicts.
"""

from __future__ import annotations

from functools import partial

from django.contrib.auth import get_user_model
from django.db import router, transaction
from django.utils import timezone

from wxauth import signals
from wxauth.conf import conf
from wxauth.managers import locked
from wxauth.models import Conflict, Event, Identity, Merge, OpenId, Person
from wxauth.services import transactions
from wxauth.services.journal import events
from wxauth.services.merging import merges
from wxauth.wiring import get_adapter

from . import admission


def join(two: admission.TwoUsers) -> None:
    """Make one user of two, or note that the staff must. A transaction of its own.

    It begins with the locks: whatever decides who is disposable is read behind them.
    """
    transactions.run(partial(_join, two))


def _join(two: admission.TwoUsers) -> None:
    pair = merges.Pair(two.person, two.owner)
    openid = locked(OpenId.objects.filter(pk=two.openid)).first()
    if openid is None:
        return  # Removed meanwhile; the login looks again.
    identities = {
        row.pk: row
        for row in locked(Identity.objects.filter(pk__in=[openid.identity_id, two.identity]))
    }
    mine, owned = identities.get(openid.identity_id), identities.get(two.identity)
    if mine is None or owned is None:
        return
    if (mine.person_id, owned.person_id) != (two.person, two.owner):
        return
    person, owner = pair.persons[two.person], pair.persons[two.owner]
    survivor = _survivor(person, owner)
    if survivor is None:
        _note_conflict(person, owner, openid.appid)
        return
    source = owner if survivor is person else person
    done = merges.absorb(pair, source=source.pk, target=survivor.pk, actor="", automatic=True)
    dropped = admission.rehome(openid, mine, owned)
    done.accounts["rehomed"].append(
        {
            "openid": openid.pk,
            "from": mine.pk,
            "to": owned.pk,
            "dropped": {
                "platform": mine.platform,
                "unionid": mine.unionid,
                "person": str(survivor.pk),
            }
            if dropped
            else None,
        }
    )
    done.save(update_fields=["accounts"])
    events.record(
        kind=Event.Kind.JOINED,
        user=survivor,
        other=source,
        appid=openid.appid,
        detail={"merge": done.pk},
    )
    merges.announce(signals.merged, pair, source=source.pk, target=survivor.pk, merge=done)


def _survivor(person: Person, owner: Person) -> Person | None:
    """Who stays, or None if both must. The one who has something; else the older."""
    if not conf.JOIN or _was_parted(person, owner):
        return None
    if person.deletion_due_at is not None or owner.deletion_due_at is not None:
        return None  # Nobody loses an account, or keeps one, that the other was to lose.
    disposable = [each for each in (person, owner) if _is_disposable(each)]
    if not disposable:
        return None
    if len(disposable) == 2:
        older, _younger = sorted(disposable, key=lambda each: (each.created_at, each.pk))
        return older
    return owner if disposable == [person] else person


def _is_disposable(person: Person) -> bool:
    # Whoever is shut out stays, and with them the reason: nobody gets in again by being joined.
    return not person.is_shut_out and get_adapter().is_disposable(user=person.user)


def _was_parted(person: Person, owner: Person) -> bool:
    """Whether the staff have undone a merge of these two: they know better."""
    pairs = [(str(person.pk), str(owner.pk)), (str(owner.pk), str(person.pk))]
    return any(
        Merge.objects.filter(source=source, target=target, undone_at__isnull=False).exists()
        for source, target in pairs
    )


def _note_conflict(person: Person, owner: Person, appid: str) -> None:
    _, new = Conflict.objects.get_or_create(
        person=person, owner=owner, defaults={"appid": appid, "created_at": timezone.now()}
    )
    if not new:
        return
    events.record(kind=Event.Kind.CONFLICT, user=person, other=owner, appid=appid)
    transaction.on_commit(
        partial(
            signals.conflict_found.send_robust,
            sender=get_user_model(),
            user=person.user,
            owner=owner.user,
        ),
        using=router.db_for_write(Person),
    )
