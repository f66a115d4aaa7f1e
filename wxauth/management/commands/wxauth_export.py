from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from wxauth.management.progress import Progress
from wxauth.models import OpenId
from wxauth.services.transfer.exporting import export_people


class Command(BaseCommand):
    help = (
        "Write everybody whom WeChat knows here to a file that wxauth_import reads: CSV if its "
        "name ends in .csv, else one JSON object a line."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--phones", action="store_true", help="with phone numbers, in plain text"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        progress = Progress(self.stderr, OpenId.objects.count())
        written = 0
        try:
            # Personal data: for whoever runs this, and nobody else. What is there stays.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "w", encoding="utf-8", newline="") as file:
                as_csv = path.suffix.lower() == ".csv"
                for written in export_people(file, as_csv=as_csv, phones=options["phones"]):
                    progress.show(written, f"{written:,}")
        except OSError as error:
            raise CommandError(str(error)) from None
        finally:
            progress.clear()
        self.stdout.write(_("%(count)d openids written.") % {"count": written})
