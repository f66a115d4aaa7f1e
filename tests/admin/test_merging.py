"""The staff merge two people, look at what happened, and take it back."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError
from django.db.models.signals import pre_save
from django.urls import reverse
from django.utils import timezone

from tests.admin.pages import list_page, listed, page, text
from tests.shop.models import Order, Profile
from wxauth.models import Conflict, Event, Merge, Person
from wxauth.services.journal import events

User = get_user_model()


@pytest.fixture
def carol_client(make_staff):
    """Somebody of the staff who may merge."""
    return make_staff("merge_person", "view_person", "view_merge", "view_event", "view_conflict")


def merge_page(source, target):
    return reverse("admin:wxauth_person_merge", args=[source.person.pk, target.person.pk])


def test_the_page_shows_what_would_happen_and_changes_nothing(carol_client, bob, eve):
    for somebody in (bob, eve):
        Profile.objects.create(user=somebody.person.user)
    order = Order.objects.create(user=eve.person.user, text="tea")
    shown = text(carol_client.get(merge_page(eve, bob)))
    assert f"shop.order.user</th><td>1 moved</td><td>{order.pk}</td>" in shown
    assert "1 stay: the survivor has such a row already" in shown
    order.refresh_from_db()
    assert order.user_id == eve.person.pk
    assert not Merge.objects.exists()


def test_one_click_later_it_has_happened(carol_client, bob, eve):
    order = Order.objects.create(user=eve.person.user, text="tea")
    answer = carol_client.post(merge_page(eve, bob))
    assert answer.url == page(bob.person)
    order.refresh_from_db()
    assert order.user_id == bob.person.pk
    carol = User.objects.get(username="carol")
    assert Event.objects.get().actor == str(carol.pk)


def test_two_chosen_people_lead_to_the_page_with_the_older_surviving(carol_client, bob, eve):
    answer = carol_client.post(
        list_page("person"),
        {"action": "merge_chosen", "_selected_action": [eve.person.pk, bob.person.pk]},
    )
    assert answer.url == merge_page(eve, bob)
    answer = carol_client.post(
        list_page("person"), {"action": "merge_chosen", "_selected_action": [eve.person.pk]}
    )
    assert answer.url == list_page("person")


def test_a_refusal_is_shown(carol_client, bob, eve):
    Person.objects.filter(pk=eve.person.pk).update(merged_into=bob.person)
    for method in (carol_client.get, carol_client.post):
        shown = text(method(merge_page(eve, bob)))
        assert "is merged into user" in shown
        assert "<form method" not in shown.split("errornote")[1]


def test_without_the_permission_there_is_nothing(make_staff, bob, eve):
    client = make_staff("view_person", "change_person")
    assert client.get(merge_page(eve, bob)).status_code == 403
    assert client.post(merge_page(eve, bob)).status_code == 403
    assert "merge_chosen" not in text(client.get(list_page("person")))


@pytest.mark.parametrize("flag", ["is_staff", "is_superuser"])
def test_an_employee_is_merged_by_a_superuser_only(carol_client, alice_client, bob, eve, flag):
    User.objects.filter(pk=eve.person.pk).update(**{flag: True})
    for source, target in ((eve, bob), (bob, eve)):
        assert carol_client.post(merge_page(source, target)).status_code == 403
    assert not Merge.objects.exists()
    assert alice_client.post(merge_page(eve, bob)).status_code == 302


def test_nobody_there_is_a_404(carol_client, bob):
    for key in ("999999", "no-key"):
        address = reverse("admin:wxauth_person_merge", args=[key, bob.person.pk])
        assert carol_client.get(address).status_code == 404


def test_the_list_of_merges_undoes(carol_client, bob, eve):
    order = Order.objects.create(user=eve.person.user, text="tea")
    carol_client.post(merge_page(eve, bob))
    (merge,) = listed(carol_client.get(list_page("merge")))
    assert "shop.order.user: 1 moved" in text(carol_client.get(page(merge)))
    undo = {"action": "undo_chosen", "_selected_action": [merge.pk]}
    carol_client.post(list_page("merge"), undo)
    order.refresh_from_db()
    assert order.user_id == eve.person.pk
    shown = text(carol_client.post(list_page("merge"), undo, follow=True))
    assert "undone already" in shown


@pytest.fixture
def refusing_database():
    """Refuses each record of a merge, as a constraint of the project's would, once started."""

    def refuse(**_named):
        raise IntegrityError("shop_order_one_per_user")

    def start():
        pre_save.connect(refuse, sender=Merge)

    yield start
    pre_save.disconnect(refuse, sender=Merge)


def test_what_the_database_refuses_is_said_and_nothing_has_changed(
    carol_client, refusing_database, bob, eve
):
    refusing_database()
    shown = text(carol_client.post(merge_page(eve, bob)))
    assert "The database refused; nothing has changed." in shown
    assert "shop_order_one_per_user" not in shown
    assert not Merge.objects.exists()


def test_an_undo_that_the_database_refuses_is_said_and_nothing_has_changed(
    carol_client, refusing_database, bob, eve
):
    order = Order.objects.create(user=eve.person.user, text="tea")
    carol_client.post(merge_page(eve, bob))
    merge = Merge.objects.get()
    refusing_database()
    undo = {"action": "undo_chosen", "_selected_action": [merge.pk]}
    shown = text(carol_client.post(list_page("merge"), undo, follow=True))
    assert "The database refused; nothing has changed." in shown
    assert "shop_order_one_per_user" not in shown
    order.refresh_from_db()
    merge.refresh_from_db()
    assert order.user_id == bob.person.pk
    assert merge.undone_at is None


def test_conflicts_are_listed_with_the_way_to_the_page(carol_client, bob, eve):
    Conflict.objects.create(
        person=eve.person, owner=bob.person, appid="wx0000000000000001", created_at=timezone.now()
    )
    answer = carol_client.get(list_page("conflict"))
    assert len(listed(answer)) == 1
    assert merge_page(eve, bob) in text(answer)
    for term, found in (("bob", 1), (str(eve.person.pk), 1), ("nobody", 0)):
        assert len(listed(carol_client.get(list_page("conflict", q=term)))) == found


def test_events_are_read_and_nothing_else(alice_client, bob):
    events.record(kind=Event.Kind.LINKED, user=bob.person, other=999_999, appid="wx1", actor="x")
    event = Event.objects.get()
    assert listed(alice_client.get(list_page("event", q=str(bob.person.pk)))) == [event]
    assert listed(alice_client.get(list_page("event", q="1234567"))) == []
    assert listed(alice_client.get(list_page("event", kind="merged"))) == []
    shown = text(alice_client.get(page(event)))
    assert page(bob.person) in shown
    for view in ("delete", "change"):
        assert alice_client.post(page(event, view), {"post": "yes"}).status_code == 403
    assert alice_client.get(reverse("admin:wxauth_event_add")).status_code == 403
    answer = alice_client.post(
        list_page("event"),
        {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"},
    )
    assert answer.status_code in {200, 302}
    assert Event.objects.count() == 1


def test_an_event_is_written_once(bob):
    events.record(kind=Event.Kind.LINKED, user=bob.person)
    event = Event.objects.get()
    for change in (
        event.save,
        event.delete,
        Event.objects.all().delete,
        lambda: Event.objects.update(kind="x"),
    ):
        with pytest.raises(TypeError):
            change()
    User.objects.all().delete()
    assert Event.objects.count() == 1
