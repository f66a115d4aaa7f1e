"""People keep their users when an app changes hands: their openids become others.

WeChat tells the new openids to the new owner of an app (账号迁移); a file says which became which.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from django.utils import timezone
from django.utils.translation import gettext as _

from wxauth.conf import conf
from wxauth.models import Event, Identity, Login, OpenId
from wxauth.services import transactions
from wxauth.services.journal import events
from wxauth.services.login import admission
from wxauth.types import ID, App

from .records import Refused, Sums, Unreadable, decode

BATCH = 500


@dataclass
class Migrated(Sums):
    moved: int = 0


def migrate_openids(
    path: Path, *, old_appid: str, new_appid: str, dry_run: bool = False, actor: str
) -> Iterator[Migrated]:
    """Give people their new openids, yielding the sums after each batch.

    ``path`` is a CSV file with the columns ``old_openid`` and ``new_openid``. Whoever was moved
    logs in anew: the session_keys of the old openid are no good for the new one. Started again, it
    passes over who was moved already. Raises ``UnknownApp``, ``Unreadable`` and ``OSError``.
    """
    app = conf.get_app(new_appid)
    sums = Migrated()
    with path.open("rb") as file:
        rest = _read(csv.DictReader(decode(file)))
        while batch := list(islice(rest, BATCH)):
            done = transactions.run(
                partial(_migrate, batch, old_appid=old_appid, app=app, actor=actor, dry_run=dry_run)
            )
            sums.moved += done.moved
            sums.unchanged += done.unchanged
            sums.refused += done.refused
            sums.refusals = done.refusals
            sums.position = file.tell()
            yield sums


Row = tuple[int, str, str]


def _read(reader: csv.DictReader[str]) -> Iterator[Row]:
    try:
        if not {"old_openid", "new_openid"} <= set(reader.fieldnames or ()):
            raise Unreadable(_("The header must name the columns old_openid and new_openid."))
        for row in reader:
            old, new = ((row[name] or "").strip() for name in ("old_openid", "new_openid"))
            yield reader.line_num, old, new
    except (csv.Error, UnicodeDecodeError):
        raise Unreadable(
            _("Line %(number)d is not CSV in UTF-8.") % {"number": reader.line_num + 1}
        ) from None


def _migrate(batch: list[Row], *, old_appid: str, app: App, actor: str, dry_run: bool) -> Migrated:
    done = Migrated()
    for number, old, new in batch:
        try:
            moved = _move(old, new, old_appid=old_appid, app=app, actor=actor)
        except Refused as refused:  # noqa: PERF203 - the exception is rare
            done.refused += 1
            done.refusals.append((number, str(refused)))
        else:
            done.moved += moved
            done.unchanged += not moved
    if dry_run:
        transactions.roll_back()
    return done


def _move(old: str, new: str, *, old_appid: str, app: App, actor: str) -> bool:
    """Whether anybody was moved; False where it was done before. Raises ``Refused``."""
    if not (ID.fullmatch(old) and ID.fullmatch(new)):
        raise Refused(_("This is no pair of openids."))
    before = OpenId.objects.select_related("identity").filter(appid=old_appid, openid=old).first()
    after = OpenId.objects.select_related("identity").filter(appid=app.appid, openid=new).first()
    if before is None:
        if after is None:
            raise Refused(_("Nobody has the old openid."))
        return False
    if after is not None:
        if after.pk == before.pk:
            return False
        raise Refused(_("The new openid is somebody's already."))
    changed = OpenId.objects.filter(pk=before.pk, openid=old, appid=old_appid).update(
        openid=new, appid=app.appid
    )
    if not changed:
        raise transactions.Overtaken
    Login.objects.filter(via=before.pk).revoke(timezone.now())
    if before.identity.platform != app.platform:
        # Another Open Platform account: what the old unionid says is not true there.
        home = Identity.objects.create(person_id=before.identity.person_id, platform=app.platform)
        admission.rehome(before, before.identity, home)
    events.record(
        kind=Event.Kind.OPENID_CHANGED,
        user=before.identity.person_id,
        appid=app.appid,
        actor=actor,
        detail={"openid": before.pk, "from": old_appid},
    )
    return True
