"""Phone numbers: one per person, sealed, findable by keyed hashes only."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from wxauth.crypto.keyring import Unsealable
from wxauth.exceptions import Conflict, Undecryptable
from wxauth.models import Login, Person
from wxauth.types import Secret
from wxauth.wiring import get_keyring, get_lookup_key

from . import payloads, transactions

logger = logging.getLogger("wxauth.phone")

#: The label under which phone numbers are sealed: a constant of the data, never renamed.
PHONE = "person.phone"

#: E.164: at most fifteen digits, the country code not starting with 0.
_E164 = re.compile(r"\+[1-9][0-9]{4,14}", re.ASCII)


def take_encrypted(*, login: Login, encrypted_data: str, iv: str) -> None:
    """Open what the phone button gave as ``encryptedData``, and keep the number.

    Raises ``SessionKeyMissing``, ``Undecryptable`` and ``Conflict``.
    """
    number = get_number(payloads.open_data(login=login, encrypted_data=encrypted_data, iv=iv))
    if number is None:
        raise Undecryptable
    keep(login=login, number=number)


def get_number(data: Mapping[str, Any]) -> Secret | None:
    """The number in WeChat's phone info, in E.164 form, or None where there is none.

    The country code comes as a text or as a number (protocol 4.1).
    """
    country, pure = data.get("countryCode"), data.get("purePhoneNumber")
    number = Secret(f"+{country}{pure}")
    typed = isinstance(pure, str) and isinstance(country, (str, int))
    return number if typed and _E164.fullmatch(number.reveal()) else None


def keep(*, login: Login, number: Secret) -> None:
    """Make this the number of the caller. Raises ``Conflict`` if it is somebody else's."""
    changes = {
        "phone_hash": get_lookup_key().digest("phone", number.reveal()),
        "phone_tail": get_lookup_key().short_digest("phone tail", number.reveal()[-4:]),
        "sealed_phone": get_keyring().seal(number.reveal(), label=PHONE, row=str(login.person_id)),
        "phone_appid": login.appid,
    }
    transactions.run(partial(_write, login=login, changes=changes))
    for name, value in changes.items():
        setattr(login.person, name, value)


def reveal(person: Person) -> str | None:
    """The number of this person, in E.164 form, for the person alone."""
    if person.sealed_phone is None:
        return None
    try:
        return get_keyring().open(person.sealed_phone, label=PHONE, row=str(person.pk)).reveal()
    except Unsealable:
        logger.error(
            "The phone number of user %s cannot be unsealed with the configured keys.", person.pk
        )
        return None


def _write(*, login: Login, changes: Mapping[str, str]) -> None:
    others = Person.objects.filter(phone_hash=changes["phone_hash"]).exclude(pk=login.person_id)
    if others.exists():
        raise Conflict("This phone number belongs to another user.")
    # Somebody who takes the number between the two statements violates the unique constraint;
    # the story starts again and sees them.
    Person.objects.filter(pk=login.person_id).update(**changes)
