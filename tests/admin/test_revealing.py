"""A phone number in full: with the permission, for a reason, sixty an hour, on record."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.urls import reverse

from tests.admin.pages import page, text
from wxauth.exceptions import InvalidRequest, NotFound
from wxauth.models import Event, Person
from wxauth.services import limits
from wxauth.services.journal import events
from wxauth.services.profile import revealing

User = get_user_model()
NUMBER = "+8613800001234"


@pytest.fixture
def carol_client(make_staff):
    """Somebody of the staff who may see numbers."""
    return make_staff("view_person", "view_event", "reveal_phone")


def address(somebody):
    return reverse("admin:wxauth_person_phone", args=[somebody.person.pk])


def carol():
    return User.objects.get(username="carol")


def test_for_a_reason_the_number_is_shown_once_and_on_record(carol_client, bob):
    assert address(bob) in text(carol_client.get(page(bob.person)))
    assert NUMBER not in text(carol_client.get(address(bob)))
    answer = carol_client.post(
        address(bob), {"reason": " parcel came back "}, headers={"X-Request-ID": "request-0001"}
    )
    assert NUMBER in text(answer)
    assert "no-store" in answer["Cache-Control"]
    event = Event.objects.get()
    assert (event.kind, event.user, event.actor) == (
        "phone_shown", str(bob.person.pk), str(carol().pk),
    )  # fmt: skip
    assert event.detail == {"reason": "parcel came back"}
    assert event.request_id == "request-0001"
    assert NUMBER not in text(carol_client.get(address(bob)))
    assert NUMBER not in answer.request["PATH_INFO"]


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "two\nlines"])
def test_without_a_reason_nothing_is_shown(carol_client, bob, reason):
    answer = carol_client.post(address(bob), {"reason": reason})
    assert NUMBER not in text(answer)
    assert "Say why you need it" in text(answer)
    assert not Event.objects.exists()


def test_without_the_permission_there_is_no_way(make_staff, bob, client):
    somebody = make_staff("view_person")
    assert address(bob) not in text(somebody.get(page(bob.person)))
    for method in (somebody.get, somebody.post):
        assert method(address(bob), {"reason": "x"}).status_code == 403
    assert client.post(address(bob), {"reason": "x"}).status_code == 302
    assert not Event.objects.exists()


def test_without_the_right_to_see_people_there_is_no_way(make_staff, bob):
    somebody = make_staff("reveal_phone")
    assert somebody.post(address(bob), {"reason": "x"}).status_code == 403


def test_it_takes_a_token_of_the_form(carol_client, bob):
    carol_client.handler.enforce_csrf_checks = True
    assert carol_client.post(address(bob), {"reason": "x"}).status_code == 403
    assert not Event.objects.exists()


def test_who_has_no_number_has_none(carol_client, eve):
    assert address(eve) not in text(carol_client.get(page(eve.person)))
    assert "no phone number" in text(carol_client.post(address(eve), {"reason": "x"}))
    assert not Event.objects.exists()


@pytest.mark.parametrize("key", ["4711", "x", "0"])
def test_who_is_not_there_is_not_there(carol_client, key):
    assert carol_client.get(f"/admin/wxauth/person/{key}/phone/").status_code == 404


def test_no_event_no_number(carol_client, bob, monkeypatch):
    def fail(**event):
        raise OperationalError("disk full")

    monkeypatch.setattr(events, "record", fail)
    assert NUMBER not in text(carol_client.post(address(bob), {"reason": "x"}))


def test_sixty_an_hour_and_each_of_the_staff_by_themselves(
    carol_client, alice_client, bob, settings, monkeypatch
):
    settings.WXAUTH = {**settings.WXAUTH, "LIMITS": {}}
    monkeypatch.setattr(limits, "_windows", limits._Windows())
    monkeypatch.setattr(limits.time, "time", lambda: 1_800_000_000.0)
    cache.clear()
    for _ in range(60):
        revealing.reveal(key=bob.person.pk, actor=carol(), reason="x")
    shown = text(carol_client.post(address(bob), {"reason": "x"}))
    assert NUMBER not in shown
    assert re.search(r"again in \d+ minutes", shown)
    assert Event.objects.count() == 60
    assert NUMBER in text(alice_client.post(address(bob), {"reason": "x"}))


def test_the_service_asks_for_the_permission_itself(bob, make_staff):
    make_staff("view_person")
    with pytest.raises(PermissionDenied):
        revealing.reveal(key=bob.person.pk, actor=carol(), reason="x")
    make_superuser = User.objects.create_superuser("dave")
    with pytest.raises(InvalidRequest):
        revealing.reveal(key=bob.person.pk, actor=make_superuser, reason=" ")
    with pytest.raises(NotFound):
        revealing.reveal(key=0, actor=make_superuser, reason="x")
    assert not Event.objects.exists()


def test_a_number_whose_key_is_gone_is_not_shown_and_leaves_no_event(carol_client, bob):
    Person.objects.filter(pk=bob.person.pk).update(sealed_phone="damaged")
    assert "no phone number" in text(carol_client.post(address(bob), {"reason": "x"}))
    assert not Event.objects.exists()
