"""What the phone obtains and only the server can read: encryptedData, rawData. (protocol 3)

Every way to fail is one and the same ``Undecryptable``: CBC has no integrity, and a reason would
help to forge. It is always raised where no key and no plaintext is a local variable of the
traceback: the functions that hold them return None instead.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from Crypto.Cipher import AES

from wxauth import strict_json
from wxauth.exceptions import Undecryptable
from wxauth.types import Secret

BLOCK = 16

PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
#: A blank is a ``+`` that met a form decoder; line breaks come from wrapping.
VARIANTS = str.maketrans({" ": "+", "-": "+", "_": "/", "\r": None, "\n": None, "\t": None})
BASE64 = re.compile(r"([A-Za-z0-9+/]*)(={0,2})")


@dataclass(frozen=True)
class Encrypted:
    """encryptedData and iv as bytes of the right length."""

    ciphertext: bytes
    iv: bytes


def parse(encrypted_data: str, iv: str) -> Encrypted:
    """What the phone sent, as bytes. Raises ``Undecryptable``."""
    parsed = Encrypted(ciphertext=decode_base64(encrypted_data), iv=decode_base64(iv))
    if len(parsed.iv) != BLOCK or not parsed.ciphertext or len(parsed.ciphertext) % BLOCK:
        raise Undecryptable
    return parsed


def decode_base64(text: str) -> bytes:
    """Base64 as phones really send it. Raises ``Undecryptable``.

    Besides the standard form: blanks for ``+``, the URL-safe alphabet, line breaks, missing
    padding, percent-encoded once, spare bits that are not zero. Nothing else: what could be read
    in two ways is refused.
    """
    decoded = _bytes(text)
    if decoded is None:
        raise Undecryptable
    return decoded


def decrypt(encrypted: Encrypted, session_key: Secret) -> dict[str, Any]:
    """The JSON object inside. Raises ``Undecryptable``.

    It is what the phone says: bits of its first block can be flipped unnoticed by whoever chooses
    the iv, so that nothing in it says who somebody is. (protocol 3.1)
    """
    data = _open(encrypted, session_key)
    if data is None:
        raise Undecryptable
    return data


def read_object(text: str | bytes) -> dict[str, Any]:
    """An object of WeChat's in the hands of a phone: of encryptedData or rawData.

    A nickname may hold raw control characters. Raises ``ValueError``.
    """
    return strict_json.read_object(text, control_characters=True, repeated_keys=True)


def check_watermark(
    data: Mapping[str, Any], *, appid: str, required: bool, max_age: int, now: float
) -> None:
    """Refuse data of another app, and data too old or from the future. Raises ``Undecryptable``.

    ``max_age`` in seconds, 0 for any age; ``now`` as of ``time.time``. Data without a watermark
    passes unless one is ``required``.
    """
    if not _is_marked(data, appid, required, max_age, now):
        del data  # It may hold a phone number: not for a traceback.
        raise Undecryptable


def raw_data_matches(raw_data: str, signature: str, session_key: Secret) -> bool:
    """Whether the signature was made under this session_key. Never raises. (protocol 3.3)

    ``raw_data`` must be the very text that the phone received: one blank more, and it fails.
    """
    try:
        # The key's base64 text, not its bytes. SHA-1 without HMAC is WeChat's choice.
        message = (raw_data + session_key.reveal()).encode()
    except UnicodeEncodeError:
        return False
    made = Secret(hashlib.sha1(message, usedforsecurity=False).hexdigest())
    return made.matches(Secret(signature))


def _bytes(text: str) -> bytes | None:
    # Once only: what is still percent-encoded afterwards has a "%", which is not base64.
    text = PERCENT.sub(lambda found: chr(int(found[1], 16)), text).translate(VARIANTS)
    match = BASE64.fullmatch(text)
    if match is None:
        return None
    data, padding = match.groups()
    missing = -len(data) % 4
    if missing == 3 or len(padding) > missing:
        return None
    return base64.b64decode(data + "=" * missing)


def _open(encrypted: Encrypted, session_key: Secret) -> dict[str, Any] | None:
    plaintext, padded_well = _plaintext(encrypted, session_key)
    with contextlib.suppress(ValueError):
        # Read whatever the padding: how long a refusal takes must not tell which of the two it was.
        data = read_object(plaintext)
        return data if padded_well else None
    return None


def _plaintext(encrypted: Encrypted, session_key: Secret) -> tuple[bytes, bool]:
    """What was encrypted, and whether its padding says so."""
    key = _bytes(session_key.reveal())
    if key is None or len(key) != BLOCK:
        return b"", False
    padded = AES.new(key, AES.MODE_CBC, iv=encrypted.iv).decrypt(encrypted.ciphertext)
    # Blocks of 16 here; 32 belongs to message push. A wrong key passes once in 256 times.
    length = padded[-1]
    padded_well = 1 <= length <= BLOCK and padded.endswith(bytes([length]) * length)
    return padded[: -length if padded_well else len(padded)], padded_well


def _is_marked(
    data: Mapping[str, Any], appid: str, required: bool, max_age: int, now: float
) -> bool:
    if "watermark" not in data:
        return not required
    watermark = data["watermark"]
    if not isinstance(watermark, dict):
        return False
    marked, timestamp = watermark.get("appid"), watermark.get("timestamp")
    if not isinstance(marked, str) or not Secret(marked).matches(Secret(appid)):
        return False
    if max_age <= 0:
        return True
    # Exactly int: True is an int to isinstance. The bounds are added to now, not subtracted from
    # the timestamp, which may be too large to become a float.
    return type(timestamp) is int and now - max_age <= timestamp <= now + max_age
