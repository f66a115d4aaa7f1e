from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import IntegrityError
from django.utils.translation import gettext as _

from wxauth.exceptions import DatabaseUnavailable, MergeRefused, NotFound
from wxauth.management.base import CountingCommand
from wxauth.models import Merge
from wxauth.services.merging import merges
from wxauth.services.merging.entries import summarize


class Command(CountingCommand):
    help = (
        "Merge the user SOURCE into the user TARGET: everything of SOURCE becomes TARGET's, and "
        "SOURCE is deactivated. Or undo a merge: exactly the rows that were moved go back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", nargs="?", help="key of the user who is given up")
        parser.add_argument("target", nargs="?", help="key of the user who survives")
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would happen, and change nothing"
        )
        parser.add_argument("--undo", type=int, metavar="ID", help="the number of a merge")

    def handle(self, *args: Any, **options: Any) -> None:
        named = bool(options["source"]) + bool(options["target"])
        if (options["undo"] is not None) != (named == 0) or named == 1:
            raise CommandError(_("Name SOURCE and TARGET, or a merge with --undo."))
        if options["undo"] is not None and options["dry_run"]:
            raise CommandError(_("There is no dry run of --undo: it moves everything or nothing."))
        try:
            if options["undo"] is not None:
                done = merges.undo(merge_id=options["undo"], actor="wxauth_merge")
                self.stdout.write(_("Merge %(id)d is undone.") % {"id": done.pk})
            elif options["dry_run"]:
                self._show(merges.preview(source=options["source"], target=options["target"]))
                self.stdout.write(_("Nothing was written: this was a dry run."))
            else:
                done = merges.merge(
                    source=options["source"], target=options["target"], actor="wxauth_merge"
                )
                self._show(done)
                self.stdout.write(_("Done: this is merge %(id)d.") % {"id": done.pk})
        except MergeRefused as refused:
            raise CommandError("\n".join(refused.reasons)) from None
        except NotFound as error:
            raise CommandError(str(error)) from None
        except (IntegrityError, DatabaseUnavailable) as error:
            raise CommandError(
                _("The database refused; nothing has changed. (%(error)s)")
                % {"error": type(error).__name__}
            ) from None

    def _show(self, done: Merge) -> None:
        for line in summarize(done.rows):
            self.stdout.write(f"{line.where}: {line.what}")
        self.stdout.write(
            _("%(count)d WeChat identities go over.") % {"count": len(done.accounts["identities"])}
        )
