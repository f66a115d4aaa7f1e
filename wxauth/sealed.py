"""Every column that is sealed, and how: what the rotation of keys goes through.

A column that is missing here would not be sealed anew, and would be lost with the old key.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models

from .crypto.keyring import Keyring
from .models import AccessToken, Login, Person
from .types import Secret


@dataclass(frozen=True)
class SealedColumn:
    model: type[models.Model]
    column: str
    #: What the column holds: a constant of the data, never renamed.
    label: str
    #: The attribute whose value is authenticated, so that a copy does not open in another row: it
    #: is there before INSERT, and never changes.
    row: str

    def __str__(self) -> str:
        return f"{self.model._meta.label}.{self.column}"

    def seal(self, keyring: Keyring, text: Secret, *, row: object) -> str:
        """For the row that has this value in the attribute ``row``."""
        return keyring.seal(text.reveal(), label=self.label, row=str(row))

    def open(self, keyring: Keyring, row: models.Model) -> Secret:
        """What is sealed in this row, which must not be nothing. Raises ``Unsealable``."""
        return self.unseal(keyring, getattr(row, self.column), row=getattr(row, self.row))

    def unseal(self, keyring: Keyring, sealed: str, *, row: object) -> Secret:
        """From the row that has this value in the attribute ``row``. Raises ``Unsealable``."""
        return keyring.open(sealed, label=self.label, row=str(row))


SESSION_KEY = SealedColumn(Login, "sealed_session_key", "login.session_key", "digest")
PHONE = SealedColumn(Person, "sealed_phone", "person.phone", "pk")
ACCESS_TOKEN = SealedColumn(AccessToken, "sealed_token", "access_token.token", "pk")

SEALED_COLUMNS = (SESSION_KEY, PHONE, ACCESS_TOKEN)
