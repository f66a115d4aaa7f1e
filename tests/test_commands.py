"""The commands an operator runs, as far as they are more than the service behind them."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.rows import SESSION_KEY, give_phone, make_login, make_openid
from wxauth.crypto.keyring import Keyring, LookupKey, generate_key
from wxauth.models import Login

ROOT = Path(__file__).parents[1]
DAY = 24 * 3600


def output(*command):
    stream = io.StringIO()
    call_command(*command, stdout=stream)
    return stream.getvalue()


def test_a_generated_key_is_usable_as_it_is_and_another_each_time():
    keys = {output("wxauth_generate_key").removesuffix("\n") for _ in range(3)}
    assert len(keys) == 3
    for key in keys:
        sealed = Keyring([key]).seal("text", label="l", row="r")
        assert Keyring([key]).open(sealed, label="l", row="r").reveal() == "text"
        assert LookupKey(key).digest("purpose", "text")


@pytest.mark.waits
def test_the_first_key_can_be_made_where_nothing_is_configured_yet(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "wxauth_generate_key"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "DEBUG": "off", "SECRET_KEY": "x"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Keyring([done.stdout.strip()])
    assert done.stderr == ""


@pytest.mark.django_db
def test_clearing_says_how_much_was_cleared():
    openid = make_openid()
    for _ in range(23):
        make_login(openid)
    make_login(openid, life=-1)
    make_login(openid, life=-31 * DAY)
    said = output("wxauth_clear_expired")
    numbers = ["0", "0", "1", "3", "1", "0", "0", "0"]
    assert re.findall(r"\d+", said) == numbers
    assert Login.objects.filter(revoked_at=None).count() == 21


@pytest.mark.django_db
def test_rotating_says_what_it_did_and_ends_well(settings):
    old, new = generate_key(), generate_key()
    settings.WXAUTH = {**settings.WXAUTH, "ENCRYPTION_KEYS": [old]}
    give_phone(make_login(), "+8613800138001")
    settings.WXAUTH = {**settings.WXAUTH, "ENCRYPTION_KEYS": [new, old]}
    said = output("wxauth_rotate_keys")
    assert "wxauth.Login.sealed_session_key" in said
    assert "wxauth.Person.sealed_phone" in said
    assert not any(secret in said for secret in (old, new, SESSION_KEY, "13800138001"))
    assert len(output("wxauth_rotate_keys").splitlines()) == 1  # Nothing was left to do.


@pytest.mark.django_db
def test_rotating_fails_while_a_row_cannot_be_read(settings):
    """Whoever removed the old key now would lose it for good."""
    lost, old, new = generate_key(), generate_key(), generate_key()
    settings.WXAUTH = {**settings.WXAUTH, "ENCRYPTION_KEYS": [lost]}
    make_login()
    settings.WXAUTH = {**settings.WXAUTH, "ENCRYPTION_KEYS": [old]}
    readable = make_login()
    settings.WXAUTH = {**settings.WXAUTH, "ENCRYPTION_KEYS": [new, old]}
    for _ in range(2):
        with pytest.raises(CommandError, match="1"):
            output("wxauth_rotate_keys")
    readable.refresh_from_db()
    assert readable.sealed_session_key.startswith(Keyring([new]).prefix)
    settings.WXAUTH = {**settings.WXAUTH, "ENCRYPTION_KEYS": [new, old, lost]}
    output("wxauth_rotate_keys")
    sealed = Login.objects.values_list("sealed_session_key", flat=True)
    assert all(text.startswith(Keyring([new]).prefix) for text in sealed)
