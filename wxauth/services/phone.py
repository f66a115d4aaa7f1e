"""Phone numbers: one per person, sealed, findable by keyed hashes only."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from wxauth.conf import conf
from wxauth.crypto.keyring import Unsealable
from wxauth.exceptions import Conflict, InvalidPhoneCode, LoginCodeSent, WxauthError
from wxauth.managers import locked
from wxauth.models import Event, Login, Person
from wxauth.types import App, Secret
from wxauth.wiring import get_adapter, get_client, get_keyring, get_lookup_key

from . import events, payloads, transactions
from .counting import count

logger = logging.getLogger("wxauth.phone")

#: The label under which phone numbers are sealed: a constant of the data, never renamed.
PHONE = "person.phone"

#: E.164: at most fifteen digits, the country code not starting with 0.
_E164 = re.compile(r"\+[1-9][0-9]{4,14}", re.ASCII)
_MAINLAND = re.compile(r"1[3-9][0-9]{9}", re.ASCII)
#: What codes of ``wx.login`` look like; the phone button's have twice as many characters.
_LOGIN_CODE = re.compile(r"[0-9A-Za-z]{32}", re.ASCII)
#: The columns of somebody without a number.
NONE: dict[str, Any] = {
    "phone_hash": None,
    "phone_tail": None,
    "sealed_phone": None,
    "phone_appid": "",
}


def take_code(*, login: Login, code: Secret) -> None:
    """Ask WeChat for the number behind a code of the phone button, and keep it.

    Raises ``InvalidPhoneCode``, ``Conflict``, ``DatabaseUnavailable`` and the ``WeChatError``
    family.
    """
    number = verify(app=conf.get_app(login.appid), openid=login.openid, code=code)
    keep(login=login, number=number, verified=True)


def verify(*, app: App, openid: str, code: Secret) -> Secret:
    """The number behind a code of the phone button, in E.164 form.

    The openid goes along, so that WeChat itself sees to it that nobody brings the code of somebody
    else. Raises like ``take_code``.
    """
    try:
        number = get_client(app.appid).get_phone_number(code, openid).number
    except InvalidPhoneCode:
        # WeChat promises no shape of its codes, so it is looked at only now (protocol 1, 4.1).
        if _LOGIN_CODE.fullmatch(code.reveal()):
            raise LoginCodeSent("A login code was sent as a phone code.") from None
        raise
    # Each was a tap that WeChat bills to the app (protocol 4.2).
    count(app.appid, "phone_code")
    return number


@dataclass(frozen=True)
class Answer:
    """What WeChat said to a phone code: a number, or why there is none; or it was not asked."""

    number: Secret | None = field(default=None, repr=False)
    error: WxauthError | None = None


def ask(*, app: App, openid: str, code: Secret) -> Answer:
    """The same for a code that came along with a login, which it need not fail."""
    try:
        return Answer(verify(app=app, openid=openid, code=code))
    except WxauthError as error:
        return Answer(error=error)


def keep_answer(*, login: Login, answer: Answer) -> WxauthError | None:
    """Keep the number in it, if there is one. Answers what is wrong with it."""
    if answer.number is None:
        return answer.error
    try:
        keep(login=login, number=answer.number, verified=True)
    except Conflict as error:
        return error
    return None


def take_encrypted(*, login: Login, encrypted_data: str, iv: str) -> None:
    """Open what the phone button gave as ``encryptedData``, and keep the number.

    Raises ``SessionKeyMissing``, ``Undecryptable`` and ``Conflict``.
    """
    payloads.open_data(
        login=login,
        encrypted_data=encrypted_data,
        iv=iv,
        wanted=lambda data: get_number(data) is not None,
        keep=partial(keep_opened, login),
    )


def keep_opened(login: Login, opened: payloads.Opened) -> None:
    """Keep the number in opened data, if there is one. Raises ``Conflict``."""
    number = get_number(opened.data)
    if number is not None:
        keep(login=login, number=number)


def get_number(data: Mapping[str, Any]) -> Secret | None:
    """The number in WeChat's phone info, in E.164 form, or None where there is none.

    The country code comes as a text or as a number (protocol 4.1).
    """
    country, pure = data.get("countryCode"), data.get("purePhoneNumber")
    number = Secret(f"+{country}{pure}")
    # Without its country code a number would pass for another country's.
    typed = isinstance(pure, str) and isinstance(country, (str, int)) and country != ""
    return number if typed and _E164.fullmatch(number.reveal()) else None


def keep(*, login: Login, number: Secret, verified: bool = False) -> None:
    """Make this the number of the caller.

    Raises ``Conflict`` if it is somebody else's; where WeChat ``verified`` it in this request, the
    adapter may have it moved instead.
    """
    changes = columns(number, key=login.person_id, appid=login.appid)
    transactions.run(partial(_write, login=login, changes=changes, verified=verified))
    for name, value in changes.items():
        setattr(login.person, name, value)


def columns(number: Secret, *, key: Any, appid: str) -> dict[str, str]:
    """What stands in the row of the person with this key, who gave the number in this app."""
    return {
        "phone_hash": digest(number),
        "phone_tail": get_lookup_key().short_digest("phone tail", number.reveal()[-4:]),
        "sealed_phone": get_keyring().seal(number.reveal(), label=PHONE, row=str(key)),
        "phone_appid": appid,
    }


def digest(number: Secret) -> str:
    """The keyed hash by which a number is found."""
    return get_lookup_key().digest("phone", number.reveal())


def parse(text: str) -> Secret | None:
    """A number in E.164 form, or one of mainland China without its country code; else None."""
    number = "+86" + text if _MAINLAND.fullmatch(text) else text
    return Secret(number) if _E164.fullmatch(number) else None


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


def _write(*, login: Login, changes: Mapping[str, str], verified: bool) -> None:
    others = Person.objects.filter(phone_hash=changes["phone_hash"]).exclude(pk=login.person_id)
    holder = others.first()
    if holder is not None and holder.merged_into_id is not None:
        # Given up with the account: it keeps the number from nobody.
        Person.objects.filter(pk=holder.pk).update(**NONE)
    elif holder is not None:
        if not verified:
            raise Conflict("This phone number belongs to another user.")
        _take_over(login=login, holder=holder)
    # Somebody who takes the number between the two statements violates the unique constraint;
    # the story starts again and sees them.
    Person.objects.filter(pk=login.person_id).update(**changes)


def _take_over(*, login: Login, holder: Person) -> None:
    """Let the holder of a number have it no more, if the project says so. Else ``Conflict``."""
    # In the order of their keys: two people who take each other's number do not block each other.
    keys = [login.person_id, holder.pk]
    both = locked(Person.objects.filter(pk__in=keys))
    numbers = {person.pk: person.phone_hash for person in both}
    if numbers.get(holder.pk) != holder.phone_hash or login.person_id not in numbers:
        raise transactions.Overtaken
    answer = get_adapter().on_phone_taken(
        user=login.person.user, other=holder.user, app=conf.get_app(login.appid)
    )
    if answer not in {"conflict", "move"}:
        raise ImproperlyConfigured('The adapter\'s on_phone_taken must say "conflict" or "move".')
    if answer == "conflict":
        raise Conflict("This phone number belongs to another user.")
    Person.objects.filter(pk=holder.pk).update(**NONE)
    events.record(
        kind=Event.Kind.PHONE_MOVED,
        user=login.person_id,
        other=holder.pk,
        appid=login.appid,
    )
