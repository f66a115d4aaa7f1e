"""Two users who are one person become one user, and can be parted again.

Everything that refers to the source goes to the target; the source stays, deactivated, with a
pointer to the survivor. All of it happens in one transaction, or none of it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models, router, transaction
from django.db.models import Q
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext as _

from wxauth import signals
from wxauth.exceptions import MergeRefused, NotFound
from wxauth.managers import locked
from wxauth.models import Conflict, Event, Identity, Login, Merge, OpenId, Person
from wxauth.services import transactions
from wxauth.services.journal import events
from wxauth.services.journal.events import user_key
from wxauth.wiring import get_merge_rules

from . import accounts, entries
from .moving import Mover
from .returning import move_back


def merge(*, source: Any, target: Any, actor: Any) -> Merge:
    """Merge the user ``source`` into the user ``target`` (users or their keys).

    Raises ``MergeRefused`` and ``NotFound``; then nothing has changed.
    """
    return transactions.run(
        partial(_merge, source=_key(source), target=_key(target), actor=user_key(actor))
    )


def preview(*, source: Any, target: Any) -> Merge:
    """What ``merge`` would do: it is done, read, and rolled back. The answer has no key.

    Raises ``MergeRefused`` and ``NotFound`` like the real thing.
    """
    return transactions.run(partial(_rehearse, source=_key(source), target=_key(target)))


def undo(*, merge_id: int, actor: Any) -> Merge:
    """Part two users again: exactly the rows that were moved go back.

    Raises ``NotFound``, and ``MergeRefused`` naming every row that was changed or deleted since;
    then nothing has changed. Both users log in anew.
    """
    return transactions.run(partial(_undo, merge_id=merge_id, actor=user_key(actor)))


class Pair:
    """Two users with their persons, locked in the order of their keys until the transaction ends.

    ``users`` and ``persons`` are by key. Raises ``NotFound`` where one is not there.
    """

    def __init__(self, one: Any, other: Any) -> None:
        self.using = router.db_for_write(Person)
        keys = [one, other]
        # For whoever adds a row of the project's, too: what is not there yet is not moved.
        users = get_user_model()._base_manager.using(self.using).select_for_update()
        self.users: dict[Any, Any] = {
            user.pk: user for user in users.filter(pk__in=keys).order_by("pk")
        }
        if len(self.users) != len(set(keys)):
            raise NotFound(_("No such user."))
        persons = locked(Person.objects.filter(pk__in=keys))
        self.persons: dict[Any, Person] = {person.pk: person for person in persons}
        for key, person in self.persons.items():
            person.user = self.users[key]

    def make_persons(self) -> list[Any]:
        """Persons for users without one, which a merge needs for its pointer. Answers whose."""
        missing = [key for key in self.users if key not in self.persons]
        for key in missing:
            self.persons[key] = Person.objects.create(
                user=self.users[key], created_at=timezone.now()
            )
        return missing


def absorb(pair: Pair, *, source: Any, target: Any, actor: str, automatic: bool) -> Merge:
    """The merge itself, of two locked users by key, without its event and its signal."""
    made = pair.make_persons()
    giver, taker = pair.persons[source], pair.persons[target]
    mover = Mover(using=pair.using, rules=get_merge_rules())
    mover.move(giver.user, taker.user)
    mover.move(giver, taker)
    identities = Identity.objects.filter(person=giver)
    done: dict[str, Any] = {
        "identities": list(identities.order_by("pk").values_list("pk", flat=True)),
        **accounts.take_over(giver=giver, taker=taker),
        "was_active": giver.user.is_active,
        "made": [str(key) for key in made],
        "rehomed": [],
    }
    identities.update(person=taker)
    Login.objects.filter(person=giver).revoke(timezone.now())
    Person.objects.filter(pk=giver.pk).update(merged_into=taker)
    giver.merged_into = taker
    _set_active(pair, giver.user, False)
    Conflict.objects.filter(Q(person=giver) | Q(owner=giver)).delete()
    return Merge.objects.create(
        source=user_key(giver),
        target=user_key(taker),
        automatic=automatic,
        actor=actor,
        rows=mover.entries,
        accounts=done,
        format=entries.FORMAT,
        created_at=timezone.now(),
    )


def announce(signal: Signal, pair: Pair, *, source: Any, target: Any, merge: Merge) -> None:
    """News of a merge, once the transaction is through."""
    transaction.on_commit(
        partial(
            signal.send_robust,
            sender=get_user_model(),
            user=pair.users[target],
            source=pair.users[source],
            merge=merge,
        ),
        using=pair.using,
    )


def _merge(*, source: Any, target: Any, actor: str) -> Merge:
    if source == target:
        raise MergeRefused(_("A user is not merged into itself."))
    pair = Pair(source, target)
    _check(pair, source, target)
    done = absorb(pair, source=source, target=target, actor=actor, automatic=False)
    events.record(
        kind=Event.Kind.MERGED, user=target, other=source, actor=actor, detail={"merge": done.pk}
    )
    announce(signals.merged, pair, source=source, target=target, merge=done)
    return done


def _check(pair: Pair, source: Any, target: Any) -> None:
    reasons = [
        _("User %(source)s is merged into user %(target)s already.")
        % {"source": key, "target": person.merged_into_id}
        for key, person in pair.persons.items()
        if person.merged_into_id is not None
    ]
    reasons += [
        _("User %(user)s has asked to be deleted.") % {"user": key}
        for key, person in pair.persons.items()
        if person.deletion_due_at is not None
    ]
    if not pair.users[target].is_active:
        reasons.append(_("User %(user)s, who would survive, is inactive.") % {"user": target})
    if reasons:
        raise MergeRefused(*reasons)


def _rehearse(*, source: Any, target: Any) -> Merge:
    done = _merge(source=source, target=target, actor="")
    transactions.roll_back()
    done.pk = None
    return done


def _set_active(pair: Pair, user: Any, active: bool) -> None:
    # A user model need not have the column; then the pointer alone shuts the source out.
    if any(field.name == "is_active" for field in user._meta.concrete_fields):
        rows = type(user)._base_manager.using(pair.using).filter(pk=user.pk)
        rows.update(is_active=active)
        user.is_active = active


# -- undoing ---------------------------------------------------------------------------------------


def _undo(*, merge_id: int, actor: str) -> Merge:
    done = locked(Merge.objects.filter(pk=merge_id)).first()
    if done is None:
        raise NotFound(_("No such merge."))
    if done.undone_at is not None:
        raise MergeRefused(_("This merge is undone already."))
    source, target = _key(done.source), _key(done.target)
    try:
        pair = Pair(source, target)
        back, other = pair.persons[source], pair.persons[target]
    except (NotFound, KeyError):
        raise MergeRefused(_("One of the two users was deleted since.")) from None
    if back.merged_into_id != other.pk:
        raise MergeRefused(
            _("User %(source)s is not merged into user %(target)s any more.")
            % {"source": source, "target": target}
        )
    remembered = done.accounts
    problems = move_back(done, using=pair.using)
    problems += _bring_home(remembered["rehomed"])
    problems += _return_identities(remembered["identities"], back, other)
    if problems:
        raise MergeRefused(*problems)
    accounts.give_back(remembered, back=back, other=other)
    Person.objects.filter(pk=back.pk).update(merged_into=None)
    if remembered["was_active"]:
        _set_active(pair, back.user, True)
    # Whoever logged in as the survivor, by an openid that is the other one's again.
    Login.objects.filter(person=other, via__identity__person=back).revoke(timezone.now())
    Person.objects.filter(pk__in=remembered["made"], identities=None, logins=None).delete()
    done.undone_at = timezone.now()
    done.save(update_fields=["undone_at"])
    events.record(
        kind=Event.Kind.UNDONE, user=target, other=source, actor=actor, detail={"merge": done.pk}
    )
    announce(signals.merge_undone, pair, source=source, target=target, merge=done)
    return done


def _bring_home(rehomed: list[dict[str, Any]]) -> list[str]:
    """Openids go back to the identity that a join took them from, made again if it went."""
    problems = []
    for entry in rehomed:
        mine = OpenId.objects.filter(pk=entry["openid"], identity=entry["to"])
        if not mine.exists():
            problems.append(
                _("Row %(row)s of the openids was changed or deleted since.")
                % {"row": entry["openid"]}
            )
            continue
        if entry["dropped"] is not None:
            person = _key(entry["dropped"].pop("person"))
            Identity.objects.create(pk=entry["from"], person_id=person, **entry["dropped"])
        mine.update(identity=entry["from"])
    return problems


def _return_identities(keys: list[int], back: Person, other: Person) -> list[str]:
    mine = Identity.objects.filter(pk__in=keys, person=other)
    found = set(mine.values_list("pk", flat=True))
    mine.update(person=back)
    return [
        _("WeChat identity %(identity)s was changed or deleted since.") % {"identity": key}
        for key in keys
        if key not in found
    ]


def _key(user: Any) -> Any:
    """The key of a user, from the user, the key, or the key as text. Raises ``NotFound``."""
    if isinstance(user, models.Model):
        return user.pk
    try:
        return get_user_model()._meta.pk.to_python(user)
    except (TypeError, ValueError, ValidationError):
        raise NotFound(_("No such user.")) from None
