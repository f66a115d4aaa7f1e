from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from wxauth.management.base import CountingCommand
from wxauth.services.upkeep import Resealed, reseal


class Command(CountingCommand):
    help = (
        "Seal every stored secret with the newest of WXAUTH_ENCRYPTION_KEYS. Logins go on "
        "meanwhile; interrupted, it is simply started again. Only when it ends without unreadable "
        "rows may the old key be removed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        columns: dict[str, Resealed] = {}
        for column, sums in reseal():
            columns[column] = sums
            self.stdout.write(
                _("%(column)s: %(resealed)d sealed anew") % {"column": column, **vars(sums)}
            )
        unreadable = sum(sums.unreadable for sums in columns.values())
        if unreadable:
            raise CommandError(
                _(
                    "%(count)d values cannot be read with any of the configured keys. Put the key "
                    "they were sealed with back into WXAUTH_ENCRYPTION_KEYS and start again."
                )
                % {"count": unreadable}
            )
        self.stdout.write(_("Everything is sealed with the newest key."))
