"""me/phone/ with encrypted data: the number that the phone button gave."""

from __future__ import annotations

import pytest

from tests.api.contract import assert_error
from tests.api.phone import APP_ONE
from wxauth.models import Person

pytestmark = pytest.mark.django_db


def number(country: object, pure: object) -> dict[str, object]:
    return {"phoneNumber": f"{pure}", "purePhoneNumber": pure, "countryCode": country}


def test_the_phone_number_is_kept_sealed_and_shown_to_its_owner(alice):
    answer = alice.post("me/phone/", alice.fake.phone_data("alice"))
    assert answer.json()["phone"] == "+8613800138001"
    assert alice.me()["phone"] == "+8613800138001"
    (row,) = Person.objects.values()
    assert "13800138001" not in repr(row)
    assert "8001" not in row["sealed_phone"] + row["phone_hash"] + row["phone_tail"]
    assert row["phone_appid"] == APP_ONE


@pytest.mark.parametrize(
    ("country", "pure", "e164"),
    [
        ("86", "13800138000", "+8613800138000"),
        (86, "13800138000", "+8613800138000"),
        ("852", "61234567", "+85261234567"),
        ("1", "2025550123", "+12025550123"),
    ],
)
def test_a_number_is_shown_in_its_international_form(alice, country, pure, e164):
    answer = alice.post("me/phone/", alice.encrypt(number(country, pure)))
    assert answer.json()["phone"] == e164


@pytest.mark.parametrize(
    ("country", "pure"),
    [
        ("", "13800138000"),
        ("+86", "13800138000"),
        ("086", "13800138000"),
        (True, "13800138000"),
        (None, "13800138000"),
        (86.0, "13800138000"),
        (-86, "13800138000"),
        ("86", 13800138000),
        ("86", ""),
        ("86", None),
        ("86", "138 0013 8000"),
        ("86", "138****8000"),
        ("86", "1" * 20),
        ("86", "１３８００１３８０００"),
        (["86"], "13800138000"),
    ],
    ids=repr,
)
def test_what_is_no_number_is_undecryptable(alice, country, pure):
    answer = alice.post("me/phone/", alice.encrypt(number(country, pure)))
    assert_error(answer, "undecryptable")
    assert alice.me()["phone"] is None


def test_a_number_that_belongs_to_another_is_a_conflict_and_changes_nothing(alice, bob):
    bob.post("me/phone/", bob.fake.phone_data("bob"))
    alice.post("me/phone/", alice.fake.phone_data("alice"))
    before = list(Person.objects.order_by("pk").values())
    answer = alice.post("me/phone/", alice.encrypt(number("86", "13800138002")))
    assert_error(answer, "conflict")
    assert "13800138002" not in answer.content.decode()
    assert list(Person.objects.order_by("pk").values()) == before


def test_ones_own_number_may_come_again(alice):
    for _ in range(2):
        answer = alice.post("me/phone/", alice.fake.phone_data("alice"))
        assert answer.json()["phone"] == "+8613800138001"


def test_a_new_number_takes_the_place_of_the_old_one_which_is_free_again(alice, bob):
    alice.post("me/phone/", alice.encrypt(number("86", "13800138002")))
    alice.post("me/phone/", alice.fake.phone_data("alice"))
    assert alice.me()["phone"] == "+8613800138001"
    assert bob.post("me/phone/", bob.fake.phone_data("bob")).status_code == 200


def test_nobody_is_shown_the_number_of_another(alice, bob):
    alice.post("me/phone/", alice.fake.phone_data("alice"))
    assert bob.me()["phone"] is None


def test_user_info_is_no_phone_number_and_a_phone_number_no_user_info(alice):
    info = alice.user_info(real=True)
    assert_error(
        alice.post("me/phone/", {key: info[key] for key in ("encryptedData", "iv")}),
        "undecryptable",
    )
    answer = alice.post("me/userinfo/", alice.fake.phone_data("alice"))
    assert_error(answer, "undecryptable")
    assert (alice.me()["phone"], alice.me()["nickname"]) == (None, None)
