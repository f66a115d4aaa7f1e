"""The one thing that the staff can do here: end logins."""

from __future__ import annotations

from django.contrib.admin.models import LogEntry
from django.utils import timezone

from wxauth.models import Login

from .conftest import make_login
from .pages import list_page, page, text

VIEW = ("view_login", "view_person", "view_openid")


def end(client, *logins):
    form = {"action": "end_chosen", "_selected_action": [row.pk for row in logins], "index": 0}
    return client.post(list_page("login"), form, follow=True)


def test_alice_ends_the_chosen_logins_and_no_other(alice_client, bob, eve):
    second, _, _ = make_login(bob.person, bob.openid, timezone.now(), "second")
    response = end(alice_client, bob.login, second)
    assert "2 logins were ended." in text(response)
    for login in (bob.login, second):
        login.refresh_from_db()
        assert login.revoked_at is not None
        assert login.sealed_session_key is None
    eve.login.refresh_from_db()
    assert eve.login.is_live(timezone.now())
    assert eve.login.sealed_session_key is not None


def test_what_ended_before_keeps_its_time_and_is_not_counted(alice_client, bob, eve):
    end(alice_client, bob.login)
    before = Login.objects.get(pk=bob.login.pk).revoked_at
    assert "1 login was ended." in text(end(alice_client, bob.login, eve.login))
    assert Login.objects.get(pk=bob.login.pk).revoked_at == before
    assert "0 logins were ended." in text(end(alice_client, bob.login))


def test_the_history_of_a_login_tells_who_ended_it(alice, alice_client, bob, eve):
    end(alice_client, bob.login)
    end(alice_client, bob.login)
    entry = LogEntry.objects.get()
    assert entry.user == alice
    shown = text(alice_client.get(page(bob.login, "history")))
    assert "Changed ended at." in shown
    assert "alice" in shown
    assert "Changed" not in text(alice_client.get(page(eve.login, "history")))


def test_staff_who_may_only_view_cannot_end_a_login(make_staff, bob):
    client = make_staff(*VIEW)
    assert "end_chosen" not in text(client.get(list_page("login")))
    end(client, bob.login)
    bob.login.refresh_from_db()
    assert bob.login.revoked_at is None


def test_staff_who_may_change_logins_can_end_them(make_staff, bob):
    client = make_staff(*VIEW, "change_login")
    assert "1 login was ended." in text(end(client, bob.login))
    assert client.post(page(bob.login), {"revoked_at_0": ""}).status_code == 403


def test_the_list_does_not_offer_every_login_there_is(alice_client, make_person):
    make_person("bob", logins=60)
    shown = text(alice_client.get(list_page("login")))
    assert 'class="question' not in shown
