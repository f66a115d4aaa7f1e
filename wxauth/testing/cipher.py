"""What WeChat does with a session_key: encryptedData and the rawData signature (protocol 3)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os

from Crypto.Cipher import AES

BLOCK = 16


def new_session_key() -> str:
    return base64.b64encode(os.urandom(BLOCK)).decode()


def key_bytes(session_key: str) -> bytes:
    """The AES key behind the text. Raises ``ValueError``, which does not show the text."""
    try:
        key = base64.b64decode(session_key, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != BLOCK:
        raise ValueError("A session_key is the base64 of 16 bytes.")
    return key


def encrypt(plaintext: bytes, session_key: str, iv: bytes) -> bytes:
    """AES-128-CBC. The padding block is 16 here; only WeChat's message push pads to 32."""
    pad = BLOCK - len(plaintext) % BLOCK
    cipher = AES.new(key_bytes(session_key), AES.MODE_CBC, iv=iv)
    return cipher.encrypt(plaintext + bytes([pad]) * pad)


def sign(raw_data: str, session_key: str) -> str:
    """The signature beside rawData. It covers the session_key as text, not its bytes."""
    # SHA-1 is WeChat's choice, not ours.
    return hashlib.sha1((raw_data + session_key).encode(), usedforsecurity=False).hexdigest()
