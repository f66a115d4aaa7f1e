from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.statements import capture_statements

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice_client(client: Client) -> Client:
    """alice is staff."""
    client.force_login(get_user_model().objects.create_superuser("alice", password="alice"))
    return client


def test_alice_reads_the_list_of_users_in_chinese(alice_client: Client):
    get_user_model().objects.create_user("bob")
    page = alice_client.get("/admin/users/user/", headers={"Accept-Language": "zh-CN"})
    assert page.status_code == 200
    assert "bob" in page.content.decode()
    assert "用户名" in page.content.decode()


def test_alice_reads_the_list_of_users_in_english(alice_client: Client):
    page = alice_client.get("/admin/users/user/", headers={"Accept-Language": "en"})
    assert "Username" in page.content.decode()


def test_the_list_of_users_costs_the_same_for_one_and_for_fifty(alice_client: Client):
    with capture_statements() as few:
        alice_client.get("/admin/users/user/")
    for number in range(50):
        get_user_model().objects.create_user(f"user{number}")
    with capture_statements() as many:
        alice_client.get("/admin/users/user/")
    assert len(many) == len(few) <= 10


def test_alice_finds_a_user_to_link_to_by_typing(alice_client: Client):
    bob = get_user_model().objects.create_user("bob")
    get_user_model().objects.create_user("eve")
    page = alice_client.get(
        "/admin/users/user/", {"q": "bob"}, headers={"Accept-Language": "en"}
    ).content.decode()
    assert f"/admin/users/user/{bob.pk}/change/" in page
    assert ">eve<" not in page


def test_alice_adds_and_changes_a_user(alice_client: Client):
    passwords = {"password1": "sehr-geheim-9", "password2": "sehr-geheim-9"}
    alice_client.post(
        "/admin/users/user/add/", {"username": "bob", "usable_password": "true", **passwords}
    )
    bob = get_user_model().objects.get(username="bob")
    page = alice_client.get(f"/admin/users/user/{bob.pk}/change/")
    assert page.status_code == 200
