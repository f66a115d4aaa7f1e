"""Our own bearer tokens (自定义登录态). The database knows their digests only."""

from __future__ import annotations

import base64
import hashlib
import secrets

#: So that secret scanners, and people, recognise one that got somewhere by mistake.
TOKEN_PREFIX = "wxa_"  # noqa: S105 - a prefix


def new_token() -> str:
    """A token: the prefix and 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """43 characters. Neither salted nor slow: there is nothing to guess in 256 random bits."""
    digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
