from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from wxauth.services.keys import clear_expired


class Command(BaseCommand):
    help = (
        "Delete expired logins, and end the oldest where one openid has more than 20 live ones. "
        "Run it once a day."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        cleared = clear_expired()
        self.stdout.write(
            _("%(expired)d expired logins deleted, %(ended)d surplus logins ended.")
            % {"expired": cleared.expired, "ended": cleared.ended}
        )
