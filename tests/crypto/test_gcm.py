"""Whichever library seals, the other one opens it, and neither opens anything else."""

from __future__ import annotations

import itertools
import os

import pytest

from wxauth.crypto import gcm, keyring
from wxauth.crypto.keyring import Keyring, generate_key

KEY, NONCE, CONTEXT = bytes(range(32)), bytes(range(12)), b'["1", "login.session_key", "digest"]'
LIBRARIES = [
    gcm.Slow,
    pytest.param(
        gcm.Fast,
        marks=pytest.mark.skipif(not gcm.HAS_CRYPTOGRAPHY, reason="There is no cryptography."),
    ),
]


@pytest.fixture(params=LIBRARIES)
def make(request):
    return request.param


def test_the_bytes_are_those_of_the_standard(make):
    """Case 14 of the specification of GCM: 256 zero bits, one block, no context."""
    sealed = make(bytes(32)).seal(bytes(16), bytes(12), b"")
    assert sealed.hex() == "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"


def test_both_give_the_same_bytes(make):
    for length in (0, 1, 15, 16, 17, 24, 100, 600):
        text = os.urandom(length)
        sealed = make(KEY).seal(text, NONCE, CONTEXT)
        assert sealed == gcm.Slow(KEY).seal(text, NONCE, CONTEXT)
        assert gcm.Slow(KEY).open(sealed, NONCE, CONTEXT) == text
        assert make(KEY).open(sealed, NONCE, CONTEXT) == text


def test_nothing_else_opens(make):
    sealed = make(KEY).seal(b"the session_key", NONCE, CONTEXT)
    for place, bit in itertools.product(range(len(sealed)), (1, 128)):
        changed = bytearray(sealed)
        changed[place] ^= bit
        assert make(KEY).open(bytes(changed), NONCE, CONTEXT) is None
    assert make(bytes(32)).open(sealed, NONCE, CONTEXT) is None
    assert make(KEY).open(sealed, bytes(12), CONTEXT) is None
    assert make(KEY).open(sealed, NONCE, b"another row") is None
    assert make(KEY).open(sealed[:16], NONCE, CONTEXT) is None


@pytest.mark.parametrize("other", LIBRARIES)
def test_what_a_process_with_one_has_sealed_another_opens(monkeypatch, make, other):
    key, here = generate_key(), {"label": "person.phone", "row": "7"}
    monkeypatch.setattr(keyring, "make_cipher", make)
    sealed = Keyring([key]).seal("+8613800138001", **here)
    monkeypatch.setattr(keyring, "make_cipher", other)
    assert Keyring([key]).open(sealed, **here).reveal() == "+8613800138001"


def test_the_faster_one_is_taken_where_it_is(monkeypatch):
    assert type(gcm.make_cipher(KEY)).__name__ == ("Fast" if gcm.HAS_CRYPTOGRAPHY else "Slow")
    monkeypatch.setattr(gcm, "HAS_CRYPTOGRAPHY", False)
    assert type(gcm.make_cipher(KEY)) is gcm.Slow


def test_no_key_is_shown(make):
    assert str(KEY) not in repr(make(KEY))
