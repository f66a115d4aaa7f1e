"""Message push (消息推送): WeChat's signature and its encryption, WXBizMsgCrypt. (channels 5.1)

Nothing here raises for what was sent, and nothing says why it is not acceptable.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable

from Crypto.Cipher import AES

from wxauth.types import Secret

BLOCK = 16
#: Of the padding. The cipher's own are half as long: what unpads those refuses every other message.
PADDING_BLOCK = 32
#: Random bytes, and the length of the message, stand before it.
RANDOM, LENGTH = 16, 4

#: An EncodingAESKey. The last character has two bits to spare, which need not be zero.
AES_KEY = re.compile(r"[A-Za-z0-9+/]{43}", re.ASCII)
BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)


def is_signed(signature: str, token: Secret, *parts: str) -> bool:
    """Whether the signature was made of these parts by somebody with the token.

    The parts are timestamp and nonce, and the ciphertext where there is one. SHA-1 without HMAC is
    WeChat's choice.
    """
    texts = sorted(part.encode("utf-8", "surrogatepass") for part in (token.reveal(), *parts))
    made = Secret(hashlib.sha1(b"".join(texts), usedforsecurity=False).hexdigest())
    return made.matches(Secret(signature))


def decrypt(encrypted: str, aes_keys: Iterable[Secret], appid: str) -> bytes | None:
    """The message for this app inside, whichever of the keys fits; None where none does.

    All keys are tried in any case, and all of each: how long it takes tells nobody anything.
    """
    ciphertext = _decode(encrypted)
    opened = [_open(ciphertext, key, Secret(appid)) for key in aes_keys]
    return next((message for message in opened if message is not None), None)


def _decode(text: str) -> bytes:
    """Base64 in the standard form, and whole blocks; for anything else a block of zeros."""
    if BASE64.fullmatch(text) and len(text) % 4 == 0:
        decoded = base64.b64decode(text)
        if decoded and len(decoded) % BLOCK == 0:
            return decoded
    return bytes(BLOCK)


def _open(ciphertext: bytes, aes_key: Secret, appid: Secret) -> bytes | None:
    key = base64.b64decode(aes_key.reveal() + "=")
    padded = AES.new(key, AES.MODE_CBC, iv=key[:BLOCK]).decrypt(ciphertext)
    count = padded[-1]
    padded_well = 1 <= count <= PADDING_BLOCK and padded.endswith(bytes([count]) * count)
    text = padded[: len(padded) - count]
    begin = RANDOM + LENGTH
    end = begin + int.from_bytes(text[RANDOM:begin], "big")
    # A length beyond the end leaves no appid.
    is_ours = appid.matches(Secret(text[end:].decode("utf-8", "backslashreplace")))
    return text[begin:end] if padded_well and is_ours else None
