"""What a phone sends along with a login code. The code is spent: none of it can fail the login."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from django.utils.translation import gettext as _

from wxauth.exceptions import InvalidRequest, WxauthError
from wxauth.models import Login
from wxauth.services.data import opening
from wxauth.services.profile import phone, user_info
from wxauth.types import App, Kind, Secret


@dataclass(frozen=True)
class Enclosure:
    """Encrypted data, signed data, or both, exactly as ``wx`` gave them."""

    encrypted_data: str | None = field(default=None, repr=False)
    iv: str | None = field(default=None, repr=False)
    raw_data: str | None = field(default=None, repr=False)
    signature: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Rejected:
    """Something that could not be used. ``field`` is WeChat's name of it in the request."""

    field: str
    error: WxauthError


def refuse_misplaced(
    *, app: App, enclosure: Enclosure | None, phone_code: Secret | None, has_key: bool = True
) -> None:
    """Refuse what cannot be of use with this login, before its code is spent.

    Only a mini-program has the phone button and a session_key. ``has_key`` False: this way in has
    none either. Raises ``InvalidRequest`` with the field.
    """
    is_miniprogram = app.kind is Kind.MINIPROGRAM
    if phone_code is not None and not is_miniprogram:
        raise InvalidRequest(_("Only a mini-program has a phone button."), field="phone_code")
    if enclosure is None or (is_miniprogram and has_key):
        return
    sent = {
        "encryptedData": enclosure.encrypted_data,
        "iv": enclosure.iv,
        "rawData": enclosure.raw_data,
        "signature": enclosure.signature,
    }
    for name, value in sent.items():
        if value is not None:
            raise InvalidRequest(_("This login has no session_key to read it with."), field=name)


def take_in(
    *, login: Login, enclosure: Enclosure, again: bool = False, with_phone: bool = True
) -> tuple[Rejected, ...]:
    """Keep what is good in the enclosure; say what was not.

    ``again``: another login from the same code brought it too, and may have used it up.
    ``with_phone`` False: WeChat has told the number, and one in encrypted data does not count.
    """
    warnings = []
    if enclosure.raw_data is not None and enclosure.signature is not None:
        try:
            opening.open_raw_data(
                login=login,
                raw_data=enclosure.raw_data,
                signature=enclosure.signature,
                keep=partial(user_info.keep_opened, login),
            )
        except WxauthError as error:
            warnings.append(Rejected("rawData", error))
    if enclosure.encrypted_data is not None and enclosure.iv is not None:
        try:
            opening.open_data(
                login=login,
                encrypted_data=enclosure.encrypted_data,
                iv=enclosure.iv,
                keep=partial(_keep if with_phone else user_info.keep_opened, login),
                again=again,
            )
        except WxauthError as error:
            warnings.append(Rejected("encryptedData", error))
    return tuple(warnings)


def _keep(login: Login, opened: opening.Opened) -> None:
    phone.keep_opened(login, opened)
    user_info.keep_opened(login, opened)
