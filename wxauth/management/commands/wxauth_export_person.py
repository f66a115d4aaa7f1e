from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from wxauth.exceptions import NotFound
from wxauth.services.transfer import personal


class Command(BaseCommand):
    help = (
        "Write everything that is kept about one person to a file, as JSON, for that person: what "
        "GET me/export/ answers. The phone number is in it in full."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="key of the user")
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            text = personal.write_down(options["user"])
        except NotFound as error:
            raise CommandError(str(error)) from None
        try:
            # Personal data: for whoever runs this, and nobody else. What is there stays.
            handle = os.open(options["file"], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(_("Written to %(file)s.") % {"file": options["file"]})
