from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldError
from django.core.management.base import CommandError
from django.db import router
from django.utils.translation import gettext as _

from wxauth.conf import conf
from wxauth.exceptions import DatabaseUnavailable
from wxauth.management.base import CountingCommand
from wxauth.management.progress import Progress
from wxauth.services.transfer.importing import Imported, import_people
from wxauth.services.transfer.records import Line, Unreadable, read_file, read_model


class Command(CountingCommand):
    help = (
        "Take over the people whom the project already has: from a file (CSV with a header if its "
        "name ends in .csv, else one JSON object a line; columns openid, appid, unionid, user, "
        "nickname, phone), or from a model. Users are not made, and nobody gets another owner. "
        "Stopped in the middle, it is simply started again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", type=Path)
        parser.add_argument("--from-model", metavar="APP.MODEL", help="instead of a file")
        parser.add_argument("--openid", metavar="FIELD", help="field of the model")
        parser.add_argument("--unionid", metavar="FIELD", help="field of the model")
        parser.add_argument("--nickname", metavar="FIELD", help="field of the model")
        parser.add_argument("--phone", metavar="FIELD", help="field of the model")
        parser.add_argument(
            "--user",
            metavar="FIELD",
            help="field of the model that holds the user's key (its own key, if it is the user)",
        )
        parser.add_argument(
            "--appid", help="the app of lines that name none, and of the model's openids"
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="change nothing; lines more than 1000 apart are not compared with each other",
        )
        parser.add_argument(
            "--refused", type=Path, metavar="FILE", help="write the refused lines' numbers there"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["file"]) == bool(options["from_model"]):
            raise CommandError(_("Name a file, or a model with --from-model."))
        try:
            lines, total = self._model(options) if options["from_model"] else self._file(options)
            sums = self._import(lines, total, options)
        except (OSError, Unreadable, FieldError, DatabaseUnavailable) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            _("%(added)d added, %(changed)d changed, %(unchanged)d unchanged, %(refused)d refused.")
            % vars(sums)
        )
        if options["dry_run"]:
            self.stdout.write(_("Nothing was written: this was a dry run."))

    def _file(self, options: dict[str, Any]) -> tuple[Iterator[Line], int]:
        path: Path = options["file"]
        appid = options["appid"] or conf.DEFAULT_APP
        return read_file(path, appid=appid), path.stat().st_size

    def _model(self, options: dict[str, Any]) -> tuple[Iterator[Line], int]:
        try:
            model: Any = apps.get_model(options["from_model"])
        except (LookupError, ValueError):
            raise CommandError(_("There is no such model.")) from None
        appid = options["appid"] or conf.DEFAULT_APP
        if not options["openid"] or not appid:
            raise CommandError(_("With --from-model, name --openid and --appid."))
        user = options["user"] or ("pk" if issubclass(model, get_user_model()) else "")
        if not user:
            raise CommandError(_("Name the field that holds the user's key with --user."))
        columns = {"openid": options["openid"], "user": user}
        columns |= {
            name: options[name] for name in ("unionid", "nickname", "phone") if options[name]
        }
        rows = model._base_manager.using(router.db_for_write(model)).exclude(
            **{f"{options['openid']}__isnull": True}
        )
        rows = rows.exclude(**{options["openid"]: ""})
        return read_model(rows, columns, appid=appid), rows.count()

    def _import(self, lines: Iterator[Line], total: int, options: dict[str, Any]) -> Imported:
        progress = Progress(self.stderr, total)
        report = options["refused"].open("w", encoding="utf-8") if options["refused"] else None
        sums = Imported()
        try:
            for sums in import_people(lines, dry_run=options["dry_run"]):
                if sums.refusals and report is None:
                    progress.clear()
                for number, reason in sums.refusals:
                    text = _("line %(number)d: %(reason)s") % {"number": number, "reason": reason}
                    if report is None:
                        self.stdout.write(text)
                    else:
                        report.write(text + "\n")
                done = sums.added + sums.changed + sums.unchanged
                progress.show(sums.position, f"{done:,} / {sums.refused:,}")
        finally:
            progress.clear()
            if report is not None:
                report.close()
        return sums
