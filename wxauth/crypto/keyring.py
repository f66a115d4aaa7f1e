"""Secrets at rest: session_key, phone number, access_token; and the hashes to find a phone by.

A sealed text is ``<version><key id>.<payload>``: the version is ``1``; the key id is 8 hex digits;
the payload is the URL-safe base64, without padding, of 12 random bytes, the AES-256-GCM ciphertext
and its tag of 16. Version and key id stand in front so that SQL finds what the newest key has not
sealed yet. The label of the column and a value of the row are authenticated with it: a sealed text
that is copied to another row or column does not open there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Sequence

from wxauth.exceptions import WxauthError
from wxauth.types import Secret

from .gcm import TAG_BYTES, make_cipher

VERSION = "1"
KEY_BYTES = 32
NONCE_BYTES = 12

KEY = re.compile(r"[A-Za-z0-9_-]{43}=?")
SEALED = re.compile(VERSION + r"([0-9a-f]{8})\.([A-Za-z0-9_-]+)")


class Unsealable(WxauthError):  # noqa: N818 - a word, like its relatives
    """A sealed text that does not open: of an unknown key, another row or column, or damaged."""

    def __init__(self) -> None:
        super().__init__("The sealed value does not open.")


def generate_key() -> str:
    """A key for ``Keyring`` or ``LookupKey``: the URL-safe base64 of 32 random bytes."""
    return _to_text(secrets.token_bytes(KEY_BYTES))


class Keyring:
    """Keys, newest first: the first seals, all open. Raises ``ValueError`` for an unusable one.

    To rotate: put a new key in front, seal everything anew, take the old key away.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        parsed = [_parse_key(key) for key in keys]
        ids = [key and _key_id(key) for key in parsed]
        self._ciphers = {_key_id(key): make_cipher(key) for key in parsed if key}
        bad = [place for place, id_ in enumerate(ids, 1) if not id_ or id_ in ids[: place - 1]]
        del keys, parsed  # Not for a traceback.
        if bad:
            raise ValueError(
                f"Encryption key {bad[0]} is not the URL-safe base64 of 32 bytes, or stands in the "
                "list twice."
            )
        if not ids:
            raise ValueError("There is no encryption key.")
        self._newest = next(iter(self._ciphers))

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._ciphers)})"

    @property
    def prefix(self) -> str:
        """What every text sealed by the newest key starts with."""
        return f"{VERSION}{self._newest}."

    def key_id(self, sealed: str) -> str:
        """Which key sealed it: 8 hex digits. Raises ``Unsealable``."""
        match = SEALED.fullmatch(sealed)
        if match is None:
            raise Unsealable
        return match[1]

    def seal(self, text: str, *, label: str, row: str) -> str:
        """Seal a text for one column and one row.

        ``label`` names the column; ``row`` is a value of the row that exists before INSERT and
        never changes. 100 ASCII characters become 181.
        """
        nonce = secrets.token_bytes(NONCE_BYTES)
        # An encoding error would carry the text, so that there is none.
        sealed = self._ciphers[self._newest].seal(
            text.encode("utf-8", "surrogatepass"), nonce, _join(VERSION, label, row)
        )
        return self.prefix + _to_text(nonce + sealed)

    def open(self, sealed: str, *, label: str, row: str) -> Secret:
        """The text inside. Raises ``Unsealable``."""
        opened = self._open(sealed, _join(VERSION, label, row))
        if opened is None:
            raise Unsealable
        return opened

    def _open(self, sealed: str, context: bytes) -> Secret | None:
        match = SEALED.fullmatch(sealed)
        cipher = self._ciphers.get(match[1]) if match else None
        if match is None or cipher is None:
            return None
        payload = match[2]
        if len(payload) % 4 == 1:
            return None
        raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        # One text per value: base64 may leave spare bits, and those are not authenticated.
        if len(raw) < NONCE_BYTES + TAG_BYTES or _to_text(raw) != payload:
            return None
        text = cipher.open(raw[NONCE_BYTES:], raw[:NONCE_BYTES], context)
        return None if text is None else Secret(text.decode("utf-8", "surrogatepass"))


class LookupKey:
    """Keyed hashes of what must be found but not read. Raises ``ValueError`` for an unusable key.

    A key of its own: changing it means hashing everything anew, unlike the keys of a keyring.
    """

    def __init__(self, key: str) -> None:
        parsed = _parse_key(key)
        del key  # Not for a traceback.
        if parsed is None:
            raise ValueError("The lookup key is not the URL-safe base64 of 32 bytes.")
        self._key = parsed

    def digest(self, purpose: str, text: str) -> str:
        """43 characters. Digests of one text for two purposes have nothing in common."""
        return _to_text(hmac.digest(self._key, _join(purpose, text), "sha256"))

    def short_digest(self, purpose: str, text: str) -> str:
        """16 characters, 96 bits: for an index where many rows share a text anyway."""
        return self.digest(purpose, text)[:16]


def _parse_key(text: str) -> bytes | None:
    return base64.urlsafe_b64decode(text[:43] + "=") if KEY.fullmatch(text) else None


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"wxauth key id\0" + key).hexdigest()[:8]


def _join(*parts: str) -> bytes:
    """Several texts as bytes that no other texts yield."""
    return json.dumps(parts).encode()


def _to_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
