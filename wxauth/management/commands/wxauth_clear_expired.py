from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from wxauth.management.base import CountingCommand
from wxauth.services.upkeep import clear_expired


class Command(CountingCommand):
    help = (
        "Delete expired logins and marks of used data, and end the oldest logins where one openid "
        "has more than 20 live ones. "
        "Run it once a day."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        cleared = clear_expired()
        self.stdout.write(
            _("%(expired)d expired logins deleted, %(ended)d surplus logins ended.")
            % {"expired": cleared.expired, "ended": cleared.ended}
        )
        self.stdout.write(_("%(spent)d marks of used data deleted.") % {"spent": cleared.spent})
