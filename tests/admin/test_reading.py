"""The admins show, and change nothing."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.forms.models import model_to_dict
from django.urls import reverse
from django.utils import timezone

from wxauth.admin.filters import CHANNELS
from wxauth.admin.person import PersonAdmin
from wxauth.models import Identity, Login, OpenId, Person
from wxauth.types import Channel

from .conftest import APPID, make_login
from .pages import MODELS, list_page, listed, page, text

VIEWS = [f"view_{model}" for model in MODELS]


def rows_of(somebody):
    return (somebody.person, somebody.identity, somebody.openid, somebody.login)


def every_page(somebody):
    yield reverse("admin:index")
    yield reverse("admin:app_list", args=["wxauth"])
    for row in rows_of(somebody):
        yield list_page(row._meta.model_name)
        yield page(row)
        yield page(row, "history")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_superuser_and_staff_who_may_only_view_see_every_page(
    alice_client, make_staff, bob, settings, language
):
    settings.LANGUAGE_CODE = language
    for client in (alice_client, make_staff(*VIEWS)):
        for address in every_page(bob):
            assert client.get(address).status_code == 200, address


def test_staff_without_the_permission_see_nothing(make_staff, bob):
    client = make_staff()
    for row in rows_of(bob):
        assert client.get(list_page(row._meta.model_name)).status_code == 403
        assert client.get(page(row)).status_code == 403


def test_staff_who_may_view_people_only_are_not_shown_their_logins(make_staff, bob):
    shown = text(make_staff("view_person").get(page(bob.person)))
    assert "o-bob" not in shown
    assert "u-bob" not in shown
    assert "203.0.113.7" not in shown


def test_nobody_adds_changes_or_deletes(alice_client, bob):
    before = [model_to_dict(row) for row in rows_of(bob)]
    for row in rows_of(bob):
        model = row._meta.model_name
        assert alice_client.get(reverse(f"admin:wxauth_{model}_add")).status_code == 403
        for view in ("change", "delete"):
            form = {**dict.fromkeys(model_to_dict(row), "x"), "post": "yes"}
            assert alice_client.post(page(row, view), form).status_code == 403
        assert alice_client.get(page(row, "delete")).status_code == 403
        action = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        alice_client.post(list_page(model), {**action, "index": 0})
        shown = text(alice_client.get(page(row)))
        assert "deletelink" not in shown
        assert 'type="text"' not in shown
        row.refresh_from_db()
    assert [model_to_dict(row) for row in rows_of(bob)] == before


def test_deleting_a_user_in_the_projects_own_admin_still_works(alice_client, bob):
    address = reverse("admin:users_user_delete", args=[bob.person.pk])
    text(alice_client.get(address))
    assert alice_client.post(address, {"post": "yes"}).status_code == 302
    assert not get_user_model().objects.filter(username="bob").exists()
    assert not Person.objects.exists()
    assert not Login.objects.exists()


def test_a_person_leads_to_the_user_and_to_all_that_belongs_to_it(alice_client, bob):
    shown = text(alice_client.get(page(bob.person)))
    for row in (bob.identity, bob.openid, bob.login):
        assert f'href="{page(row)}"' in shown
    assert f'href="{reverse("admin:users_user_change", args=[bob.person.pk])}"' in shown
    everything = f"{list_page('login')}?person={bob.person.pk}"
    assert f'href="{everything}"' in shown
    assert listed(alice_client.get(everything)) == [bob.login]


def test_where_users_have_no_admin_their_name_stands_without_a_link(bob):
    people = PersonAdmin(Person, admin.AdminSite(name="of a project without"))
    assert people.show_user(bob.person) == "<bdi>bob</bdi>"


def test_a_persons_page_shows_the_newest_twenty_logins(alice_client, make_person):
    bob = make_person("bob", logins=25)
    shown = text(alice_client.get(page(bob.person)))
    newest = Login.objects.order_by("-pk")[:20]
    linked = [login for login in Login.objects.all() if f'href="{page(login)}"' in shown]
    assert set(linked) == set(newest)


def test_the_state_of_a_person_is_told(alice_client, bob, eve):
    def state():
        shown = text(alice_client.get(page(bob.person)))
        return [word for word in ("merged", "user is inactive", "blocked") if f">{word}<" in shown]

    assert state() == []
    bob.person.user.is_active = False
    bob.person.user.save()
    assert state() == ["user is inactive"]
    Person.objects.filter(pk=bob.person.pk).update(blocked_at=timezone.now())
    assert state() == ["blocked"]
    Person.objects.filter(pk=bob.person.pk).update(merged_into=eve.person)
    assert state() == ["merged"]


def test_people_are_filtered_by_block_and_by_app(alice_client, bob, eve):
    Person.objects.filter(pk=eve.person.pk).update(blocked_at=timezone.now())
    OpenId.objects.filter(pk=eve.openid.pk).update(appid="wx0000000000000002")
    assert listed(alice_client.get(list_page("person", blocked="yes"))) == [eve.person]
    assert listed(alice_client.get(list_page("person", blocked="no"))) == [bob.person]
    assert listed(alice_client.get(list_page("person", app=APPID))) == [bob.person]
    assert listed(alice_client.get(list_page("openid", app=APPID))) == [bob.openid]
    assert listed(alice_client.get(list_page("login", app=APPID))) == [bob.login]
    # What is none of the choices is no filter.
    assert len(listed(alice_client.get(list_page("person", app="wx", blocked="perhaps")))) == 2


def test_a_person_with_two_openids_in_an_app_is_listed_once(alice_client, bob):
    OpenId.objects.create(
        identity=bob.identity, appid=APPID, openid="second", created_at=timezone.now()
    )
    assert listed(alice_client.get(list_page("person", app=APPID))) == [bob.person]


def test_logins_are_filtered_by_state_and_channel(alice_client, bob):
    now = timezone.now()
    live = bob.login
    ended, _, _ = make_login(bob.person, bob.openid, now, "ended")
    expired, _, _ = make_login(bob.person, bob.openid, now, "expired")
    Login.objects.filter(pk=ended.pk).update(revoked_at=now, channel="website")
    Login.objects.filter(pk=expired.pk).update(expires_at=now)
    for state, login in {"live": live, "ended": ended, "expired": expired}.items():
        response = alice_client.get(list_page("login", state=state))
        assert listed(response) == [login]
        assert f'<td class="field-state">{state}</td>' in text(response)
    assert listed(alice_client.get(list_page("login", channel="website"))) == [ended]
    assert "mini-program" in text(alice_client.get(page(live)))


def test_an_app_goes_by_its_name_and_one_that_is_gone_by_its_appid(alice_client, bob, eve):
    OpenId.objects.filter(pk=eve.openid.pk).update(appid="wxgone")
    shown = text(alice_client.get(list_page("openid")))
    assert f"One ({APPID})" in shown
    assert ">wxgone<" in shown
    shown = text(alice_client.get(list_page("login")))
    assert f'<span class="nowrap" title="{APPID}">One</span>' in shown
    assert ">wxgone</span>" in shown


def test_an_identity_without_a_unionid_says_so(alice_client, bob):
    Identity.objects.update(unionid=None)
    assert "not seen yet" in text(alice_client.get(list_page("identity")))
    assert "not seen yet" in text(alice_client.get(page(bob.person)))


def test_a_missing_person_is_not_an_error(alice_client, bob):
    assert alice_client.get(reverse("admin:wxauth_person_change", args=[0])).status_code == 302
    assert alice_client.get(reverse("admin:wxauth_person_change", args=["x"])).status_code == 302
    assert alice_client.get(list_page("login", person="x")).status_code == 302


def test_every_door_has_a_name_for_people():
    assert set(CHANNELS) == {channel.value for channel in Channel}
