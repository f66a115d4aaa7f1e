"""Taking over the people whom a project already has, without ever giving anybody a new owner.

Line by line, in batches of one transaction each: what is there already is passed over, so that an
import that was stopped is simply started again. Users are not made here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections, router
from django.utils import timezone
from django.utils.translation import gettext as _

from wxauth.conf import conf
from wxauth.exceptions import UnknownApp
from wxauth.models import Identity, OpenId, Person
from wxauth.services import transactions
from wxauth.services.login import admission
from wxauth.services.profile import phone

from .records import Line, Record, Refused, Sums

BATCH = 1000


@dataclass
class Imported(Sums):
    added: int = 0
    changed: int = 0


def import_people(lines: Iterable[Line], *, dry_run: bool = False) -> Iterator[Imported]:
    """Import these lines, yielding the sums after each batch.

    With ``dry_run`` each batch is rolled back, so that two lines which contradict each other are
    seen only within one batch (1000 lines). Raises ``DatabaseUnavailable``.
    """
    sums = Imported()
    rest = iter(lines)
    while batch := list(islice(rest, BATCH)):
        sums.refusals = [
            (line.number, str(line.content)) for line in batch if isinstance(line.content, Refused)
        ]
        sums.refused += len(sums.refusals)
        _import(batch, sums, dry_run)
        sums.refusals.sort()
        sums.position = batch[-1].position
        yield sums


def _import(lines: Sequence[Line], sums: Imported, dry_run: bool) -> None:
    try:
        done = transactions.run(partial(_import_batch, lines, dry_run))
    except IntegrityError:
        # Somebody keeps making what we make. The halves are smaller targets.
        if len(lines) > 1:
            middle = len(lines) // 2
            _import(lines[:middle], sums, dry_run)
            _import(lines[middle:], sums, dry_run)
            return
        done = Imported(
            refused=1, refusals=[(lines[0].number, _("Somebody else is writing the same."))]
        )
    for name in ("added", "changed", "unchanged", "refused"):
        setattr(sums, name, getattr(sums, name) + getattr(done, name))
    sums.refusals += done.refusals


def _import_batch(lines: Sequence[Line], dry_run: bool) -> Imported:
    batch = _Batch([line.content for line in lines if isinstance(line.content, Record)])
    done = Imported()
    for line in lines:
        if isinstance(line.content, Refused):
            continue
        try:
            outcome = batch.take(line.content)
        except Refused as refused:
            done.refused += 1
            done.refusals.append((line.number, str(refused)))
        else:
            setattr(done, outcome, getattr(done, outcome) + 1)
    batch.save()
    if dry_run:
        transactions.roll_back()
    return done


class _Batch:
    """What the database knows about the people in some lines, read in five statements."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.using = router.db_for_write(Person)
        self.now: datetime = timezone.now()
        self.apps = _find_apps({record.appid for record in records})
        self.keys = {record.user: _find_key(record.user) for record in records}
        keys = {key for key in self.keys.values() if key is not None}
        users = get_user_model()._base_manager.using(self.using)
        self.users = set(users.filter(pk__in=keys).values_list("pk", flat=True))
        self.persons = Person.objects.in_bulk(keys)
        self.openids = {
            (row.appid, row.openid): row
            for row in OpenId.objects.filter(
                openid__in={record.openid for record in records}
            ).select_related("identity")
        }
        unionids = {record.unionid for record in records if record.unionid}
        self.identities = {
            (row.platform, row.unionid): row
            for row in Identity.objects.filter(unionid__in=unionids)
        }
        self.phones = self._find_phones(records)
        self.new_persons: list[Person] = []
        self.new_identities: list[Identity] = []
        self.new_openids: list[OpenId] = []

    def _find_phones(self, records: Sequence[Record]) -> dict[str, Any]:
        """Hash → the key of the person who has the number."""
        hashes = {record.phone_hash for record in records if record.phone}
        holders = Person.objects.filter(phone_hash__in=hashes)
        return {str(found): key for found, key in holders.values_list("phone_hash", "pk")}

    def take(self, record: Record) -> str:
        """Plan what this line wants: ``added``, ``changed`` or ``unchanged``. Raises ``Refused``.

        A line is taken whole or not at all.
        """
        platform = self.apps.get(record.appid)
        if platform is None:
            raise Refused(_("The appid is not configured."))
        key = self.keys[record.user]
        if key not in self.users:
            raise Refused(_("There is no such user."))
        person = self.persons.get(key)
        if person is not None and person.merged_into_id is not None:
            raise Refused(_("The user was merged into another one."))
        known = self.openids.get((record.appid, record.openid))
        owned = self.identities.get((platform, record.unionid)) if record.unionid else None
        self._refuse_others(record, key, known, owned)
        if person is None:
            person = Person(user_id=key, created_at=self.now)
            self.persons[key] = person
            self.new_persons.append(person)
        outcome = self._place(record, person, platform, known, owned)
        changed = self._fill(record, person)
        return "changed" if changed and outcome == "unchanged" else outcome

    def _refuse_others(
        self, record: Record, key: Any, known: OpenId | None, owned: Identity | None
    ) -> None:
        if known is not None and known.identity.person_id != key:
            raise Refused(_("The openid belongs to another user."))
        if owned is not None and owned.person_id != key:
            raise Refused(_("The unionid belongs to another user."))
        if record.phone_hash and self.phones.get(record.phone_hash, key) != key:
            raise Refused(_("The phone number belongs to another user."))
        stored = known.identity.unionid if known is not None else None
        if record.unionid and stored and stored != record.unionid:
            # What a login said is newer than any file.
            raise Refused(_("The openid has another unionid."))

    def _place(
        self,
        record: Record,
        person: Person,
        platform: str,
        known: OpenId | None,
        owned: Identity | None,
    ) -> str:
        """The openid under its identity."""
        if known is None:
            identity = owned
            if identity is None:
                identity = Identity(person=person, platform=platform, unionid=record.unionid)
                self.new_identities.append(identity)
                if record.unionid:
                    self.identities[platform, record.unionid] = identity
            openid = OpenId(
                identity=identity,
                appid=record.appid,
                openid=record.openid,
                created_at=self.now,
            )
            self.openids[record.appid, record.openid] = openid
            self.new_openids.append(openid)
            return "added"
        identity = known.identity
        if not record.unionid or identity.unionid or identity.platform != platform:
            return "unchanged"
        if known in self.new_openids:
            # Of this very batch: nothing is written yet.
            raise Refused(_("An earlier line has the same openid without unionid."))
        if owned is None:
            learned = Identity.objects.filter(pk=identity.pk, unionid=None)
            if not learned.update(unionid=record.unionid):
                raise transactions.Overtaken
            identity.unionid = record.unionid
            self.identities[platform, record.unionid] = identity
        else:
            if owned in self.new_identities:
                self.new_identities.remove(owned)
                owned.save(force_insert=True)
            admission.rehome(known, identity, owned)
            known.identity = owned
        return "changed"

    def _fill(self, record: Record, person: Person) -> bool:
        """Nickname and phone, where the person has none."""
        changes: dict[str, str] = {}
        if record.nickname and not person.nickname:
            changes |= {"nickname": record.nickname, "nickname_appid": record.appid}
        if record.phone and person.phone_hash is None:
            changes |= phone.columns(record.phone, key=person.pk, appid=record.appid)
            self.phones[changes["phone_hash"]] = person.pk
        for name, value in changes.items():
            setattr(person, name, value)
        if changes and not person._state.adding:
            nothing = {"nickname": "", "phone_hash": None}
            still = {name: empty for name, empty in nothing.items() if name in changes}
            Person.objects.filter(pk=person.pk, **still).update(**changes)
        return bool(changes)

    def save(self) -> None:
        Person.objects.bulk_create(self.new_persons)
        if connections[self.using].features.can_return_rows_from_bulk_insert:
            Identity.objects.bulk_create(self.new_identities)
        else:
            for identity in self.new_identities:
                identity.save(force_insert=True)
        OpenId.objects.bulk_create(self.new_openids)


def _find_apps(appids: set[str]) -> dict[str, str]:
    """appid → platform, of those that are configured."""
    apps = {}
    for appid in appids:
        try:
            apps[appid] = conf.get_app(appid).platform
        except UnknownApp:  # noqa: PERF203 - a handful
            continue
    return apps


def _find_key(text: str) -> Any:
    """The key of a user, from its text; None for what cannot be one."""
    try:
        return get_user_model()._meta.pk.clean(text, None)
    except (ValidationError, TypeError, ValueError):
        return None
