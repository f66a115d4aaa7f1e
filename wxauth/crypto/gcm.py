"""AES-256-GCM of short texts, by pycryptodome, or by ``cryptography`` where that is installed.

The bytes are the same. pycryptodome makes three cipher objects for each text, which takes a hundred
times as long: nothing in a login, but half of a rotation of keys.
"""

from __future__ import annotations

from Crypto.Cipher import AES

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError:
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

TAG_BYTES = 16


class Slow:
    """By pycryptodome. A key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, text: bytes, nonce: bytes, context: bytes) -> bytes:
        """The ciphertext and its tag. ``context`` is authenticated with it."""
        cipher = AES.new(self._key, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES).update(context)
        return b"".join(cipher.encrypt_and_digest(text))

    def open(self, sealed: bytes, nonce: bytes, context: bytes) -> bytes | None:
        """The text, or None for what was not sealed so."""
        cipher = AES.new(self._key, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES).update(context)
        try:
            return cipher.decrypt_and_verify(sealed[:-TAG_BYTES], sealed[-TAG_BYTES:])
        except ValueError:
            return None


class Fast:
    """The same by ``cryptography``."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, text: bytes, nonce: bytes, context: bytes) -> bytes:
        return self._cipher.encrypt(nonce, text, context)

    def open(self, sealed: bytes, nonce: bytes, context: bytes) -> bytes | None:
        try:
            return self._cipher.decrypt(nonce, sealed, context)
        except InvalidTag:
            return None


def make_cipher(key: bytes) -> Slow | Fast:
    return Fast(key) if HAS_CRYPTOGRAPHY else Slow(key)
