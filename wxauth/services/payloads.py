"""Encrypted and signed data of the phone, opened with the session_key of the caller's login.

Decrypted data says nothing about who somebody is: CBC has no integrity, so whoever controls ``iv``
controls the first bytes. It fills in the profile of the person who is logged in already.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from typing import Any

from wxauth.conf import conf
from wxauth.crypto import payload
from wxauth.crypto.keyring import Unsealable
from wxauth.exceptions import SessionKeyMissing, Undecryptable
from wxauth.models import Login
from wxauth.types import Secret
from wxauth.wiring import get_keyring

logger = logging.getLogger("wxauth.payloads")

#: The label under which session_keys are sealed: a constant of the data, never renamed.
SESSION_KEY = "login.session_key"

#: What marks data about a person, as opposed to steps or group ids: it needs its watermark always.
_PERSONAL = ("openId", "nickName", "purePhoneNumber", "phoneNumber")


def open_data(*, login: Login, encrypted_data: str, iv: str) -> dict[str, Any]:
    """The JSON object inside ``encryptedData``.

    Raises ``SessionKeyMissing``, and ``Undecryptable`` for everything that is not acceptable:
    base64, key, padding, UTF-8, JSON, watermark, age, somebody else's openId.
    """
    session_key = _session_key(login)
    data = payload.decrypt(payload.parse(encrypted_data, iv), session_key)
    payload.check_watermark(
        data,
        appid=login.appid,
        required=conf.REQUIRE_WATERMARK or any(key in data for key in _PERSONAL),
        max_age=conf.DATA_MAX_AGE,
        now=time.time(),
    )
    if data.get("openId", login.openid) != login.openid:
        raise Undecryptable
    return data


def open_raw_data(*, login: Login, raw_data: str, signature: str) -> dict[str, Any]:
    """The JSON object in ``rawData``, whose signature shows that it met this session_key.

    Raises ``SessionKeyMissing`` and ``Undecryptable``.
    """
    data: Any = None
    if payload.raw_data_matches(raw_data, signature, _session_key(login)):
        with contextlib.suppress(ValueError, RecursionError):
            data = json.loads(raw_data, strict=False)
    if not isinstance(data, dict):
        raise Undecryptable
    return data


def _session_key(login: Login) -> Secret:
    if login.sealed_session_key is None:
        raise SessionKeyMissing("This login has no session_key.")
    try:
        return get_keyring().open(login.sealed_session_key, label=SESSION_KEY, row=login.digest)
    except Unsealable:
        # For the person it is as good as lost; the operator must know that a key is gone.
        logger.error(
            "The session_key of login %s cannot be unsealed with the configured keys.", login.pk
        )
    raise SessionKeyMissing("The session_key of this login cannot be read.")
