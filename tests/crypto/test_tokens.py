from __future__ import annotations

import re

from wxauth.crypto.tokens import TOKEN_PREFIX, new_token, token_digest


def test_a_token_is_the_prefix_and_256_bits_and_never_the_same():
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert TOKEN_PREFIX == "wxa_"
    assert all(re.fullmatch(r"wxa_[A-Za-z0-9_-]{43}", token) for token in tokens)


def test_a_digest_is_the_sha_256_of_the_whole_token():
    assert token_digest("wxa_") == "fQRXdVonLrBmHT_UKeAzQxgNZOMiC1PLRuGoyRwLcP0"
    token = new_token()
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token_digest(token))
    assert len({token_digest(token[:length]) for length in range(len(token) + 1)}) == 48


def test_whatever_eve_sends_as_a_token_has_a_digest():
    assert len({token_digest(odd) for odd in ("", "\ud800", "微", "\0", "a" * 10_000)}) == 5
