from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import IntegrityError
from django.utils.translation import gettext as _

from wxauth.exceptions import DatabaseUnavailable, UnknownApp
from wxauth.management.base import CountingCommand
from wxauth.management.progress import Progress
from wxauth.services.transfer.migrating import Migrated, migrate_openids
from wxauth.services.transfer.records import Unreadable


class Command(CountingCommand):
    help = (
        "Give people their new openids when an app changes hands: a CSV file with the columns "
        "old_openid and new_openid. They keep their users and log in anew. Stopped in the middle, "
        "it is simply started again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--from-appid", required=True, help="the app of the old openids")
        parser.add_argument("--to-appid", required=True, help="the app of the new ones")
        parser.add_argument("--dry-run", action="store_true", help="change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        sums = Migrated()
        try:
            progress = Progress(self.stderr, path.stat().st_size)
            for sums in migrate_openids(
                path,
                old_appid=options["from_appid"],
                new_appid=options["to_appid"],
                dry_run=options["dry_run"],
                actor="wxauth_migrate_openids",
            ):
                if sums.refusals:
                    progress.clear()
                for number, reason in sums.refusals:
                    self.stdout.write(
                        _("line %(number)d: %(reason)s") % {"number": number, "reason": reason}
                    )
                progress.show(sums.position, f"{sums.moved + sums.unchanged:,} / {sums.refused:,}")
        except (OSError, Unreadable, UnknownApp, DatabaseUnavailable) as error:
            raise CommandError(str(error)) from None
        except IntegrityError:
            raise CommandError(
                _("Somebody else writes the same openids just now; start again.")
            ) from None
        progress.clear()
        self.stdout.write(
            _("%(moved)d moved, %(unchanged)d unchanged, %(refused)d refused.") % vars(sums)
        )
        if options["dry_run"]:
            self.stdout.write(_("Nothing was written: this was a dry run."))
