"""Phone numbers: one per person, sealed, findable by keyed hashes only."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from django.utils.translation import gettext as _

from wxauth.conf import conf
from wxauth.crypto.keyring import Unsealable
from wxauth.exceptions import (
    Conflict,
    InvalidPhoneCode,
    InvalidRequest,
    LoginCodeSent,
    WeChatTimeout,
    WxauthError,
)
from wxauth.managers import locked
from wxauth.models import Event, Login, Person
from wxauth.sealed import PHONE
from wxauth.services import claims, transactions
from wxauth.services.data import opening
from wxauth.services.journal import events
from wxauth.services.journal.counts import count
from wxauth.types import E164, App, Kind, Secret
from wxauth.wiring import get_adapter, get_client, get_keyring, get_lookup_key

logger = logging.getLogger("wxauth.phone")

_MAINLAND = re.compile(r"1[3-9][0-9]{9}", re.ASCII)
_BETWEEN = re.compile(r"[ \u00a0.()-]")
#: What codes of ``wx.login`` look like; the phone button's have twice as many characters.
_LOGIN_CODE = re.compile(r"[0-9A-Za-z]{32}", re.ASCII)
#: What came of a phone code whose number is another user's, see ``_trace``.
TAKEN = 1
#: The columns of somebody without a number.
NONE: dict[str, Any] = {
    "phone_hash": None,
    "phone_tail": None,
    "sealed_phone": None,
    "phone_appid": "",
}


def take_code(*, login: Login, code: Secret) -> None:
    """Ask WeChat for the number behind a code of the phone button, and keep it.

    Raises ``InvalidRequest`` for a login of no mini-program, ``InvalidPhoneCode``, ``Conflict``,
    ``DatabaseUnavailable`` and the ``WeChatError`` family.
    """
    app = conf.get_app(login.appid)
    if app.kind is not Kind.MINIPROGRAM:
        raise InvalidRequest(_("Only a mini-program has a phone button."), field="phone_code")
    with asking(app=app, openid=login.openid, code=code) as answer:
        problem = keep_answer(login=login, answer=answer)
        if problem is not None:
            raise problem


def verify(*, app: App, openid: str, code: Secret) -> Secret:
    """The number behind a code of the phone button, in E.164 form.

    The openid goes along, so that WeChat itself sees to it that nobody brings the code of somebody
    else. Raises like ``take_code``.
    """
    try:
        number = get_client(app).get_phone_number(code, openid).number
    except InvalidPhoneCode:
        # WeChat promises no shape of its codes, so it is looked at only now (protocol 1, 4.1).
        if _LOGIN_CODE.fullmatch(code.reveal()):
            raise LoginCodeSent("A login code was sent as a phone code.") from None
        raise
    # Each was a tap that WeChat bills to the app (protocol 4.2).
    count(app.appid, "phone_code")
    return number


@dataclass
class Answer:
    """What WeChat said to a phone code: a number, or why there is none; or it was not asked."""

    number: Secret | None = field(default=None, repr=False)
    error: WxauthError | None = None
    #: What came of the number: ``TAKEN``, or its ``_trace``. ``keep_answer`` sets it, and holds it
    #: against the caller's row where the code came before.
    trace: int | None = None

    @property
    def is_told(self) -> bool:
        """Whether WeChat has told the number, now or to the first who brought the code."""
        return self.number is not None or self.trace is not None


@contextmanager
def asking(*, app: App, openid: str, code: Secret | None) -> Iterator[Answer]:
    """Ask WeChat about a code, or share what came of it when this openid brought it before.

    The body says what that is: by ``keep_answer``, and its transaction is done when it ends. A
    code that came along with a login need not fail it; without a code nobody is asked.
    """
    if code is None:
        yield Answer()
        return
    with claims.claim(_claim_key(app.appid, openid, code)) as claim:
        answer = _ask(app, openid, code) if claim.ours else _share(claim)
        try:
            yield answer
        finally:
            if claim.ours:
                claim.number = answer.trace


def _claim_key(appid: str, openid: str, code: Secret) -> str:
    # A keyed hash: until WeChat has taken the code, there is a number behind it.
    text = json.dumps([appid, openid, code.reveal()])
    return "wxauth:claim:" + get_lookup_key().digest("phone claim", text)


def _ask(app: App, openid: str, code: Secret) -> Answer:
    try:
        return Answer(verify(app=app, openid=openid, code=code))
    except WxauthError as error:
        return Answer(error=error)


def _share(claim: claims.Claim) -> Answer:
    if claim.number is None:
        # The first is under way still, or has failed: in a moment the code may be asked about.
        return Answer(error=WeChatTimeout("Another request with this phone code has no answer."))
    if claim.number == TAKEN:
        return Answer(error=Conflict("This phone number belongs to another user."), trace=TAKEN)
    return Answer(error=InvalidPhoneCode("This phone code was used before."), trace=claim.number)


def keep_answer(*, login: Login, answer: Answer) -> WxauthError | None:
    """Keep the number in it, if there is one. Answers what is wrong with it."""
    if answer.number is None:
        return None if _has_it(login.person, answer) else answer.error
    try:
        keep(login=login, number=answer.number, verified=True)
    except Conflict as error:
        answer.trace = TAKEN
        return error
    answer.trace = _trace(login.person)
    return None


def _has_it(person: Person, answer: Answer) -> bool:
    """Whether the number of a repeated code is there: nothing is written for a cache's word."""
    if answer.trace is None:
        return False
    # The first may have written since this request began.
    now = Person.objects.filter(pk=person.pk).values(*NONE).first() or NONE
    for name, value in now.items():
        setattr(person, name, value)
    return answer.trace == _trace(person)


def _trace(person: Person) -> int | None:
    """A number that tells this person's number from others, and tells nobody else anything."""
    if person.phone_hash is None:
        return None
    digest = get_lookup_key().digest("phone trace", person.phone_hash)
    # 60 bits, and none of the small numbers that mean something else.
    return TAKEN + 1 + int.from_bytes(digest.encode()[:10], "big")


def take_encrypted(*, login: Login, encrypted_data: str, iv: str) -> None:
    """Open what the phone button gave as ``encryptedData``, and keep the number.

    Raises ``SessionKeyMissing``, ``Undecryptable`` and ``Conflict``.
    """
    opening.open_data(
        login=login,
        encrypted_data=encrypted_data,
        iv=iv,
        wanted=lambda data: get_number(data) is not None,
        keep=partial(keep_opened, login),
    )


def keep_opened(login: Login, opened: opening.Opened) -> None:
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
    return number if typed and E164.fullmatch(number.reveal()) else None


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
        "sealed_phone": PHONE.seal(get_keyring(), number, row=key),
        "phone_appid": appid,
    }


def hand_over(*, giver: Person, taker: Person) -> str | None:
    """Give the number of one person to another who has none; part of a merge.

    Answers the hash by which it is found, or None where there is nothing to give. A number that
    cannot be unsealed stays where it is, until its key is back.
    """
    if giver.sealed_phone is None:
        return None
    try:
        number = PHONE.open(get_keyring(), giver)
    except Unsealable:
        return None
    # One number, one person: the unique constraint wants it given up first.
    _clear(giver)
    changes = columns(number, key=taker.pk, appid=giver.phone_appid)
    Person.objects.filter(pk=taker.pk).update(**changes)
    return changes["phone_hash"]


def digest(number: Secret) -> str:
    """The keyed hash by which a number is found."""
    return get_lookup_key().digest("phone", number.reveal())


def parse(text: str) -> Secret | None:
    """A number as people write it, in E.164 form, or None where it is none.

    With its country code (``+86``, ``0086``), or of mainland China without; blanks, hyphens, dots
    and brackets between the digits say nothing.
    """
    number = _BETWEEN.sub("", text)
    if number.startswith("00"):
        number = "+" + number[2:]
    elif _MAINLAND.fullmatch(number.removeprefix("86")):
        number = "+86" + number.removeprefix("86")
    return Secret(number) if E164.fullmatch(number) else None


def find(number: Secret) -> Person | None:
    """The person with this number, with the user at hand, in one statement.

    Whoever was merged into somebody else has given theirs up.
    """
    people = Person.objects.select_related("user").filter(merged_into=None)
    person: Person | None = people.filter(phone_hash=digest(number)).first()
    return person


def read(person: Person) -> Secret | None:
    """The number of this person, in E.164 form, for the person alone."""
    if person.sealed_phone is None:
        return None
    try:
        return PHONE.open(get_keyring(), person)
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
        _clear(holder)
    elif holder is not None:
        if not verified:
            _refuse(login=login, holder=holder)
        _take_over(login=login, holder=holder)
    # Somebody who takes the number between the two statements violates the unique constraint;
    # the story starts again and sees them.
    Person.objects.filter(pk=login.person_id).update(**changes)


def _refuse(*, login: Login, holder: Person) -> NoReturn:
    """Leave the number where it is, and a note for the staff. Always ``Conflict``."""
    note = partial(_note_refusal, user=login.person_id, other=holder.pk, appid=login.appid)
    transactions.afterwards(note)
    raise Conflict("This phone number belongs to another user.")


def _note_refusal(*, user: Any, other: Any, appid: str) -> None:
    """Once a day for two people: whoever tries on and on does not fill the table."""
    if not Person.objects.filter(pk=user).exists():
        user = ""  # A sign-up, which was undone.
    since = timezone.now() - timedelta(days=1)
    noted = Event.objects.filter(
        kind=Event.Kind.PHONE_REFUSED,
        user=events.user_key(user),
        other=events.user_key(other),
        created_at__gt=since,
    )
    if not noted.exists():
        events.record(kind=Event.Kind.PHONE_REFUSED, user=user, other=other, appid=appid)


def _clear(person: Person) -> None:
    Person.objects.filter(pk=person.pk).update(**NONE)


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
        _refuse(login=login, holder=holder)
    _clear(holder)
    events.record(
        kind=Event.Kind.PHONE_MOVED,
        user=login.person_id,
        other=holder.pk,
        appid=login.appid,
    )
