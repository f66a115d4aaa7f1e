"""The staff end a person's WeChat session, and see how often things happen."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from wxauth.clock import today
from wxauth.models import DailyCount, Login
from wxauth.services.data import session_keys
from wxauth.testing import faults

from .conftest import APPID
from .pages import list_page, text

RESET = "/wxa/resetusersessionkey"
KEY = "c2Vzc2lvbi1rZXktMTIzNA=="


@pytest.fixture
def bob(bob, fake_wechat):
    """bob as WeChat knows him."""
    fake_wechat.add_person("bob", appid=APPID, openid=bob.openid.openid, session_key=KEY)
    session_keys.replace(bob.openid.pk, bob.login, session_keys.Secret(KEY))
    return bob


def end(client, *openids):
    form = {
        "action": "end_wechat_session",
        "_selected_action": [row.pk for row in openids],
        "index": 0,
    }
    return client.post(list_page("openid"), form, follow=True)


def test_alice_ends_the_session_of_a_person(alice_client, alice, bob, eve, fake_wechat):
    response = end(alice_client, bob.openid)
    assert "1 WeChat session was ended." in text(response)
    login = Login.objects.get(pk=bob.login.pk)
    new_key = session_keys.unseal(login).reveal()
    assert new_key == fake_wechat.session_key("bob", APPID) != KEY
    assert login.is_live(timezone.now())
    assert Login.objects.get(pk=eve.login.pk).sealed_session_key == eve.login.sealed_session_key
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (alice, str(bob.openid.pk))
    for secret in (KEY, new_key):
        assert secret not in response.content.decode() + entry.change_message


def test_a_wechat_that_is_not_there_changes_nothing_and_says_so(alice_client, bob, fake_wechat):
    fake_wechat.faults.add(faults.Errcode(-1), path=RESET)
    shown = text(end(alice_client, bob.openid))
    assert "WeChat could not be asked (WeChatUnavailable)" in shown
    assert "0 WeChat sessions were ended." in shown
    assert session_keys.unseal(Login.objects.get(pk=bob.login.pk)).reveal() == KEY


def test_what_wechat_does_not_confirm_is_dropped_and_said(alice_client, bob, fake_wechat):
    fake_wechat.rotate_session_key("bob", APPID)
    assert "WeChat did not confirm it" in text(end(alice_client, bob.openid))
    assert Login.objects.get(pk=bob.login.pk).sealed_session_key is None
    assert "0 WeChat sessions were ended." in text(end(alice_client, bob.openid))


def test_who_may_only_look_ends_nothing(make_staff, bob, fake_wechat):
    client = make_staff("view_openid", "view_person", "view_identity")
    end(client, bob.openid)
    assert not [call for call in fake_wechat.calls if call.path == RESET]
    assert make_staff is not None
    assert Login.objects.get(pk=bob.login.pk).sealed_session_key is not None


def test_the_staff_see_how_often_things_happen(make_staff, db):
    day = today(timezone.now())
    DailyCount.objects.create(day=day, appid=APPID, name="login", value=1234)
    DailyCount.objects.create(day=day, appid="", name="limit_login_address", value=7)
    client = make_staff("view_dailycount")
    shown = text(client.get(list_page("dailycount")))
    for word in ("One", "login", "1234", "limit_login_address", "7"):
        assert word in shown
    found = text(client.get(list_page("dailycount"), {"q": "login"}))
    assert "1234" in found
    assert "limit_login_address" not in found
