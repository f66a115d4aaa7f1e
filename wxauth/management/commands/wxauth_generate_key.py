from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from wxauth.crypto.keyring import generate_key


class Command(BaseCommand):
    help = "Print a new random key, for WXAUTH_ENCRYPTION_KEYS or WXAUTH_LOOKUP_KEY."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(generate_key())
