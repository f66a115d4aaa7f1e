"""What a phone sends along with a login code. The code is spent: none of it can fail the login."""

from __future__ import annotations

from dataclasses import dataclass, field

from wxauth.exceptions import WxauthError
from wxauth.models import Login

from . import payloads, phone, profile


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


def take_in(*, login: Login, enclosure: Enclosure) -> tuple[Rejected, ...]:
    """Keep what is good in the enclosure; say what was not."""
    warnings = []
    if enclosure.raw_data is not None and enclosure.signature is not None:
        try:
            _take_raw_data(login, enclosure.raw_data, enclosure.signature)
        except WxauthError as error:
            warnings.append(Rejected("rawData", error))
    if enclosure.encrypted_data is not None and enclosure.iv is not None:
        try:
            _take_encrypted_data(login, enclosure.encrypted_data, enclosure.iv)
        except WxauthError as error:
            warnings.append(Rejected("encryptedData", error))
    return tuple(warnings)


def _take_raw_data(login: Login, raw_data: str, signature: str) -> None:
    data = payloads.open_raw_data(login=login, raw_data=raw_data, signature=signature)
    if profile.is_user_info(data):
        profile.keep_user_info(login=login, data=data)


def _take_encrypted_data(login: Login, encrypted_data: str, iv: str) -> None:
    data = payloads.open_data(login=login, encrypted_data=encrypted_data, iv=iv)
    number = phone.get_number(data)
    if number is not None:
        phone.keep(login=login, number=number)
    elif profile.is_user_info(data):
        profile.keep_user_info(login=login, data=data)
