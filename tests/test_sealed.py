"""What must be known about a sealed column stands in one place, and is missed where it does not."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import models

from tests.columns import extra_column
from tests.rows import make_login
from wxauth.crypto.keyring import Unsealable
from wxauth.models import Event, Person
from wxauth.sealed import PHONE, SEALED_COLUMNS, SESSION_KEY
from wxauth.types import Secret
from wxauth.wiring import get_keyring


def check_sealed_columns():
    """Every column of wxauth that is named as a sealed one is in the tuple."""
    named = {(entry.model, entry.column) for entry in SEALED_COLUMNS}
    for model in apps.get_app_config("wxauth").get_models():
        for field in model._meta.local_fields:
            assert not field.name.startswith("sealed_") or (model, field.name) in named, (
                f"Add {model.__name__}.{field.name} to SEALED_COLUMNS in wxauth/sealed.py: it "
                "would not be sealed anew when the key changes, and be lost with the old key."
            )


def test_every_sealed_column_is_one_that_the_rotation_of_keys_goes_through():
    check_sealed_columns()
    for entry in SEALED_COLUMNS:
        entry.model._meta.get_field(entry.column)
    labels = [entry.label for entry in SEALED_COLUMNS]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("model", [Person, Event])
def test_a_sealed_column_that_was_forgotten_is_told_what_to_do(model):
    with (
        extra_column(model, "sealed_address", models.TextField()),
        pytest.raises(AssertionError, match=r"Add .*\.sealed_address to SEALED_COLUMNS in wxauth/"),
    ):
        check_sealed_columns()
    check_sealed_columns()


def test_the_labels_are_constants_of_the_data():
    """Whoever renames one makes everything unreadable that was sealed before."""
    assert {(str(entry), entry.label, entry.row) for entry in SEALED_COLUMNS} == {
        ("wxauth.Login.sealed_session_key", "login.session_key", "digest"),
        ("wxauth.Person.sealed_phone", "person.phone", "pk"),
        ("wxauth.AccessToken.sealed_token", "access_token.token", "pk"),
    }


@pytest.mark.django_db
def test_what_eve_copies_from_alice_does_not_open_in_her_row():
    alice, eve = make_login(), make_login()
    assert SESSION_KEY.open(get_keyring(), alice)
    eve.sealed_session_key = alice.sealed_session_key
    eve.person.sealed_phone = PHONE.seal(get_keyring(), Secret("+86"), row=alice.person_id)
    for column, row in ((SESSION_KEY, eve), (PHONE, eve.person)):
        with pytest.raises(Unsealable):
            column.open(get_keyring(), row)
