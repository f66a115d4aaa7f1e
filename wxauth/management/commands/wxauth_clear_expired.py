from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from wxauth.management.base import CountingCommand
from wxauth.services.erasure import due
from wxauth.services.upkeep import clear_expired


class Command(CountingCommand):
    help = (
        "Erase the accounts whose deletion is due, and delete what has been kept long enough: "
        "logins, marks of used data, events. End the oldest logins where one openid has more than "
        "20 live ones. "
        "Run it once a day; it may be stopped, and started again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        settled = due.settle(actor="wxauth_clear_expired")
        self.stdout.write(
            _("%(erased)d accounts erased, %(refused)d cannot be deleted now.")
            % {"erased": settled.erased, "refused": settled.refused}
        )
        cleared = clear_expired()
        self.stdout.write(
            _("%(expired)d expired logins deleted, %(ended)d surplus logins ended.")
            % {"expired": cleared.expired, "ended": cleared.ended}
        )
        self.stdout.write(
            _("%(keys)d session_keys of expired logins forgotten.") % {"keys": cleared.session_keys}
        )
        self.stdout.write(_("%(spent)d marks of used data deleted.") % {"spent": cleared.spent})
        self.stdout.write(
            _("%(events)d events and %(blocks)d remembered blocks deleted.")
            % {"events": cleared.events, "blocks": cleared.blocks}
        )
        if settled.failed:
            raise CommandError(
                _("These users could not be erased, and are due tomorrow again: %(keys)s")
                % {"keys": ", ".join(map(str, settled.failed))}
            )
