from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from wxauth.services.journal import counts


class CountingCommand(BaseCommand):
    """A command whose counts are written when it ends: no request ends here that would do it."""

    def execute(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute(*args, **options)
        finally:
            counts.flush()
