from __future__ import annotations

import contextlib
import re
import string
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wxauth.crypto.keyring import Keyring, LookupKey, Unsealable, generate_key
from wxauth.exceptions import WxauthError

OLD, NEW = generate_key(), generate_key()
HERE = {"label": "login.session_key", "row": "digest-1"}


def frames(error):
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename != __file__:
            yield repr(frame.f_locals)


# -- sealing ---------------------------------------------------------------------------------------


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.text(st.characters(), max_size=100), st.text(max_size=10), st.text(max_size=10))
def test_what_was_sealed_is_what_opens(text, label, row):
    ring = Keyring([NEW])
    assert ring.open(ring.seal(text, label=label, row=row), label=label, row=row).reveal() == text


def test_half_a_character_is_sealed_too_and_never_raised():
    ring = Keyring([NEW])
    assert ring.open(ring.seal("\ud800", **HERE), **HERE).reveal() == "\ud800"


def test_a_sealed_value_fits_its_column():
    sealed = Keyring([NEW]).seal("x" * 100, **HERE)
    assert re.fullmatch(r"1[0-9a-f]{8}\.[A-Za-z0-9_-]{171}", sealed)
    assert len(sealed) <= 255


def test_the_same_text_is_never_sealed_the_same_way_twice():
    ring = Keyring([NEW])
    assert len({ring.seal("x", **HERE) for _ in range(20)}) == 20


def test_what_opens_is_masked():
    ring = Keyring([NEW])
    assert "s3cret" not in repr(ring.open(ring.seal("s3cret", **HERE), **HERE))


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"label": "login.session_key", "row": "digest-2"},
        {"label": "person.phone", "row": "digest-1"},
        {"label": "login.session_keyd", "row": "igest-1"},
        {"label": "digest-1", "row": "login.session_key"},
        {"label": 'login.session_key", "digest-1', "row": ""},
    ],
)
def test_eve_copies_a_sealed_value_to_another_place_and_it_does_not_open(elsewhere):
    ring = Keyring([NEW])
    with pytest.raises(Unsealable):
        ring.open(ring.seal("x", **HERE), **elsewhere)


def test_the_spare_bits_of_the_last_character_cannot_be_changed_either():
    ring = Keyring([NEW])
    sealed = ring.seal("thirteen long", **HERE)
    opened = []
    for last in string.ascii_letters + string.digits + "-_":
        with contextlib.suppress(Unsealable):
            ring.open(sealed[:-1] + last, **HERE)
            opened.append(last)
    assert opened == [sealed[-1]]


def test_no_character_can_be_changed():
    ring = Keyring([NEW])
    sealed = ring.seal("thirteen long", **HERE)
    for place, character in enumerate(sealed):
        for other in "0AB_":
            if other != character:
                with pytest.raises(Unsealable):
                    ring.open(sealed[:place] + other + sealed[place + 1 :], **HERE)


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed: "",
        lambda sealed: sealed[:-1],
        lambda sealed: sealed + "A",
        lambda sealed: sealed + "=",
        lambda sealed: sealed + "\n",
        lambda sealed: " " + sealed,
        lambda sealed: sealed.replace(".", ":"),
        lambda sealed: "2" + sealed[1:],
        lambda sealed: sealed[:10],
        lambda sealed: sealed[:10] + "A" * 36,
        lambda sealed: sealed[:10] + "A" * 5,
        lambda sealed: "é",
        lambda sealed: "s3cret in plain text",
    ],
)
def test_what_is_not_a_sealed_value_is_unsealable(change):
    ring = Keyring([NEW])
    sealed = change(ring.seal("x", **HERE))
    with pytest.raises(Unsealable) as caught:
        ring.open(sealed, **HERE)
    assert isinstance(caught.value, WxauthError)
    assert caught.value.__cause__ is caught.value.__context__ is None


# -- rotation --------------------------------------------------------------------------------------


def test_a_new_key_in_front_seals_and_the_old_one_still_opens():
    before, between, after = Keyring([OLD]), Keyring([NEW, OLD]), Keyring([NEW])
    old = before.seal("x", **HERE)
    assert between.open(old, **HERE).reveal() == "x"
    assert not old.startswith(between.prefix)
    new = between.seal("x", **HERE)
    assert new.startswith(between.prefix)
    assert new.startswith(between.prefix)
    assert after.open(new, **HERE).reveal() == "x"
    with pytest.raises(Unsealable):
        after.open(old, **HERE)


def test_the_key_id_stands_in_front():
    ring = Keyring([NEW, OLD])
    old = Keyring([OLD]).seal("x", **HERE)
    assert ring.prefix == f"1{ring.key_id(ring.seal('x', **HERE))}."
    assert ring.key_id(old) == old[1:9] != ring.prefix[1:9]
    with pytest.raises(Unsealable):
        ring.key_id("nothing")


def test_a_keyring_shows_ids_and_no_keys():
    ring = Keyring([NEW, OLD])
    assert repr(ring).startswith(f"Keyring({ring.prefix[1:9]}, ")
    assert NEW not in repr(ring)
    assert OLD not in repr(ring)


def test_a_key_is_43_characters_and_never_the_same():
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", NEW)
    assert NEW != OLD


def test_a_key_with_its_padding_is_the_same_key():
    sealed = Keyring([NEW]).seal("x", **HERE)
    assert Keyring([NEW + "="]).open(sealed, **HERE).reveal() == "x"


BAD_KEYS = [
    "",
    "s3cret",
    "s3cret" + NEW,
    NEW[:-1],
    NEW + "==",
    "+" + NEW[1:],
    NEW[1:] + "\n",
    "é" * 43,
]


@pytest.mark.parametrize("bad", BAD_KEYS, ids=range(len(BAD_KEYS)))
def test_an_unusable_key_is_named_by_its_place_and_not_shown(bad):
    with pytest.raises(ValueError, match="Encryption key 2 is not") as caught:
        Keyring([NEW, bad, OLD])
    for shown in (str(caught.value), *frames(caught.value)):
        assert NEW not in shown
        assert OLD not in shown
        assert not bad or bad not in shown
    assert caught.value.__context__ is None


def test_a_key_twice_and_no_key_at_all_are_refused():
    with pytest.raises(ValueError, match="Encryption key 3 "):
        Keyring([NEW, OLD, NEW])
    with pytest.raises(ValueError, match="no encryption key"):
        Keyring([])


# -- look-up ---------------------------------------------------------------------------------------


def test_a_digest_is_found_again_and_depends_on_key_purpose_and_text():
    key = LookupKey(NEW)
    digest = key.digest("phone", "+8613800138000")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", digest)
    assert digest == LookupKey(NEW).digest("phone", "+8613800138000")
    others = {
        LookupKey(OLD).digest("phone", "+8613800138000"),
        key.digest("tail", "+8613800138000"),
        key.digest("phone+", "8613800138000"),
        key.digest("phone", "+8613800138001"),
    }
    assert len(others | {digest}) == 5


def test_a_digest_stays_what_it_was():
    """Rows hold it: a change of the format is a loss of every phone number that can be found."""
    assert LookupKey("A" * 43).digest("phone", "+8613800138000") == (
        "I3BbhBgLzoGkJUAjdnRV__6ahizhlv8Lh07yyFJGu10"
    )


def test_a_short_digest_is_16_characters_of_the_whole():
    key = LookupKey(NEW)
    assert key.short_digest("tail", "8000") == key.digest("tail", "8000")[:16]


@pytest.mark.parametrize("bad", BAD_KEYS, ids=range(len(BAD_KEYS)))
def test_an_unusable_lookup_key_is_not_shown(bad):
    with pytest.raises(ValueError, match="lookup key") as caught:
        LookupKey(bad)
    for shown in (str(caught.value), *frames(caught.value)):
        assert not bad or bad not in shown
    assert "A" * 43 not in repr(LookupKey("A" * 43))


def test_a_sealed_value_of_today_opens_in_later_releases():
    sealed = "1f41ceb6a.6BBx8SDQ4OIOJHosp68LhrunvTLNELN6uaQe6hmI7HRspjPLNBWczMLtIxsZWDgh3_PP1A"
    assert Keyring(["A" * 43]).open(sealed, **HERE).reveal() == "HyVFkGl5F5OQWJZZaNzBBg=="
