"""No secret in any page, nor to be guessed through an address."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from wxauth.models import Identity, Login, Person
from wxauth.wiring import get_keyring

from .pages import MODELS, list_page, page, text

SCRIPT = "<script>alert(1)</script>"
#: Turns the direction of everything after it.
OVERRIDE = "\u202egnp.exe"


def every_page(somebody):
    """Each page of each admin about this person: lists, filtered, searched, single rows."""
    openid, unionid = somebody.openid.openid, somebody.identity.unionid
    for model in MODELS:
        yield list_page(model)
        yield from (list_page(model, q=term) for term in (openid, unionid, "nobody"))
    yield list_page("person", blocked="no", app=somebody.openid.appid)
    yield list_page("openid", app=somebody.openid.appid)
    yield list_page("login", state="live", channel="miniprogram", person=somebody.person.pk)
    for row in (somebody.person, somebody.identity, somebody.openid, somebody.login):
        yield page(row)
        yield page(row, "history")
    for model, field in (("identity", "person"), ("openid", "identity"), ("login", "via")):
        query = f"?app_label=wxauth&model_name={model}&field_name={field}&term="
        yield reverse("admin:autocomplete") + query
        yield reverse("admin:autocomplete") + query + openid
    yield reverse("admin:users_user_delete", args=[somebody.person.pk])
    yield reverse("admin:index")


def test_no_page_shows_a_secret_or_a_phone_number(alice_client, bob):
    assert len(bob.secrets) == 8
    # Whatever the country code is called, and however the number is grouped.
    secrets = [*bob.secrets, "13800001234", "138000", "secret-of-app"]
    alice_client.post(
        list_page("login"),
        {"action": "end_chosen", "_selected_action": [bob.login.pk], "index": 0},
    )
    Login.objects.filter(pk=bob.login.pk).update(sealed_session_key=bob.login.sealed_session_key)
    for address in every_page(bob):
        shown = text(alice_client.get(address))
        found = [secret for secret in secrets if secret in shown]
        assert found == [], address


def test_the_pages_say_that_there_is_a_secret_and_under_which_key(alice_client, bob, eve):
    summary = f"sealed with key {get_keyring().key_id(bob.login.sealed_session_key)}"
    assert summary in text(alice_client.get(page(bob.login)))
    assert summary in text(alice_client.get(page(bob.person)))
    assert "sealed with key" not in text(alice_client.get(page(eve.person)))
    phones = re.findall(r'field-has_phone">(\w+)<', text(alice_client.get(list_page("person"))))
    assert phones == ["none", "kept"]


def test_what_is_damaged_is_not_shown_either(alice_client, bob):
    Login.objects.update(sealed_session_key="what is this")
    Person.objects.update(sealed_phone="")
    for row in (bob.login, bob.person):
        shown = text(alice_client.get(page(row)))
        assert "damaged" in shown
        assert "what is this" not in shown


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        ("person", "sealed_phone__startswith"),
        ("person", "phone_hash"),
        ("person", "phone_hash__startswith"),
        ("person", "phone_tail"),
        ("person", "phone_tail__gt"),
        ("person", "logins__digest__startswith"),
        ("person", "user__password__startswith"),
        ("identity", "person__phone_tail"),
        ("openid", "identity__person__phone_hash__startswith"),
        ("login", "digest"),
        ("login", "digest__startswith"),
        ("login", "sealed_session_key__isnull"),
        ("login", "person__phone_tail"),
        ("login", "person__sealed_phone__startswith"),
    ],
)
def test_an_address_cannot_ask_for_a_secret(alice_client, bob, model, lookup):
    assert alice_client.get(list_page(model, **{lookup: "1"})).status_code == 400


@pytest.mark.parametrize("column", ["sealed_phone", "phone_hash", "phone_tail"])
def test_nor_refer_to_a_row_by_one(alice_client, bob, column):
    assert alice_client.get(list_page("person", _to_field=column)).status_code == 400
    assert alice_client.get(page(bob.person) + f"?_to_field={column}").status_code == 400


@pytest.mark.parametrize(
    "nickname", [SCRIPT + '"><img src=x onerror=alert(1)>', OVERRIDE + "\u0001"]
)
def test_a_nickname_is_text_on_every_page(alice_client, make_person, nickname):
    bob = make_person("bob", nickname=nickname, avatar_url="https://thirdwx.qlogo.cn/1")
    for address in every_page(bob):
        response = alice_client.get(address)
        if response["Content-Type"] == "application/json":
            continue  # Autocomplete: the admin's own script escapes it.
        shown = text(response)
        assert SCRIPT not in shown, address
        assert "<img src=x" not in shown, address


@pytest.mark.parametrize("model", MODELS)
def test_a_nickname_that_turns_the_direction_turns_itself_only(alice_client, make_person, model):
    make_person("bob", nickname=OVERRIDE)
    shown = text(alice_client.get(list_page(model)))
    turned = re.findall(r"(.{5})\u202egnp.exe", shown)
    assert turned == ["<bdi>"]


def test_no_page_loads_a_picture_of_wechats(alice_client, make_person):
    bob = make_person("bob", avatar_url="https://thirdwx.qlogo.cn/1")
    shown = text(alice_client.get(page(bob.person)))
    assert "https://thirdwx.qlogo.cn/1" in shown
    assert re.findall(r'(?:src|href)="(?:https?:)?//', shown) == []


def test_what_else_a_persons_page_lists_is_text_too(alice_client, bob):
    Identity.objects.filter(pk=bob.identity.pk).update(platform=SCRIPT)
    shown = text(alice_client.get(page(bob.person)))
    assert SCRIPT not in shown
    assert "&lt;script&gt;" in shown
