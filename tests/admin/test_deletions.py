"""The staff's list of account deletions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.admin.pages import list_page, listed, page, text
from wxauth.models import Deletion, Person
from wxauth.services.erasure import working_days


@pytest.fixture
def asked(bob, eve, monkeypatch):
    """bob asked a month ago and is kept, eve asked today."""
    monkeypatch.setattr(working_days, "is_workday", None)
    now = timezone.now()
    Person.objects.filter(pk=bob.person.pk).update(
        deletion_asked_at=now - timedelta(days=28),
        deletion_due_at=now - timedelta(days=21),
        deletion_refusal="Your order is under way.",
    )
    Person.objects.filter(pk=eve.person.pk).update(
        deletion_asked_at=now, deletion_due_at=now + timedelta(days=7)
    )
    return bob, eve


def keys(response):
    return [row.pk for row in listed(response)]


def test_the_list_says_why_and_how_many_working_days_are_left(alice_client, make_person, asked):
    bob, eve = asked
    make_person("carol")
    answer = alice_client.get(list_page("deletion"))
    assert keys(answer) == [bob.person.pk, eve.person.pk]
    shown = text(answer)
    assert "Your order is under way." in shown
    assert "<strong>-5</strong>" in shown
    assert ">15<" in shown
    assert page(bob.person) in shown


@pytest.mark.parametrize(("state", "who"), [("waiting", 1), ("due", 0), ("refused", 0)])
def test_the_list_is_narrowed_by_state(alice_client, asked, state, who):
    answer = alice_client.get(list_page("deletion", state=state))
    assert keys(answer) == [asked[who].person.pk]


def test_somebody_is_found_by_openid_and_name(alice_client, asked):
    for term in ("o-bob", "bob", str(asked[0].person.pk)):
        assert asked[0].person.pk in keys(alice_client.get(list_page("deletion", q=term)))
    assert keys(alice_client.get(list_page("deletion", q="nobody"))) == []


def test_it_takes_a_permission_of_its_own_and_changes_nothing(make_staff, asked):
    bob, _ = asked
    row = Deletion.objects.get(pk=bob.person.pk)
    client = make_staff("view_deletion")
    assert "Your order is under way." in text(client.get(page(row)))
    assert client.post(page(row), {"deletion_refusal": "x"}).status_code == 403
    assert make_other(make_staff).get(list_page("deletion")).status_code == 403


def make_other(make_staff):
    from django.contrib.auth import get_user_model

    get_user_model().objects.filter(username="carol").delete()
    return make_staff("view_person")
