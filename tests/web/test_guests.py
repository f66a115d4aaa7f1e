"""Silent: whoever is known is logged in, and a stranger stays a guest until they say yes."""

from __future__ import annotations

import pytest

from tests.api.phone import APP_ONE, Phone
from wxauth.models import Conflict, Identity, OpenId, Person
from wxauth.testing import faults

from .people import ACCOUNT, SITE, START, codes

pytestmark = pytest.mark.django_db

SILENT = "scope=base&next=/cart/"


def test_a_stranger_is_a_guest_whose_openid_the_shop_knows(
    browser, fake_wechat, assert_nothing_written
):
    assert browser.log_in("alice", ACCOUNT, SILENT).url == "/cart/"
    assert browser.who() is None
    assert browser.openid() == fake_wechat.person("alice").openid(ACCOUNT)


def test_whom_it_knows_it_logs_in_without_a_question(browser, another):
    browser.log_in("alice", ACCOUNT)
    another.log_in("alice", ACCOUNT, SILENT)
    assert another.who() == browser.who()


def test_a_guest_becomes_a_user_by_a_tap_and_keeps_the_cart(browser, fake_wechat):
    browser.log_in("alice", ACCOUNT, SILENT)
    browser.get("/cart/?add=tea")
    guest = browser.client.cookies["sessionid"].value
    browser.log_in("alice", ACCOUNT, "scope=userinfo&next=/cart/")
    assert browser.who() == str(Person.objects.get().pk)
    assert browser.get("/cart/").json() == {"cart": ["tea"]}
    assert browser.client.cookies["sessionid"].value != guest
    assert browser.openid() == fake_wechat.person("alice").openid(ACCOUNT)


def test_a_guest_is_the_user_of_her_phone_once_wechat_tells_the_unionid(browser, fake_wechat):
    phone = Phone(fake_wechat, "alice")
    browser.log_in("alice", ACCOUNT, SILENT)
    assert browser.who() is None
    browser.log_in("alice", ACCOUNT)
    assert browser.who() == phone.me()["id"]
    assert Identity.objects.count() == 1


def test_the_key_changes_before_a_session_knows_an_openid(browser):
    """Whoever planted the session would pay as alice."""
    browser.get("/cart/?add=tea")
    before = browser.client.cookies["sessionid"].value
    browser.log_in("alice", ACCOUNT, SILENT)
    assert browser.client.cookies["sessionid"].value != before
    assert browser.get("/cart/").json() == {"cart": ["tea"]}


def test_a_late_unionid_of_two_who_have_something_is_a_conflict_and_no_merge(
    browser, fake_wechat, adapter
):
    from wxauth.adapter import Adapter

    class Keep(Adapter):
        def is_disposable(self, *, user):
            return False

    adapter(Keep)
    Phone(fake_wechat, "alice")
    fake_wechat.add_app(ACCOUNT, "secret-of-the-account", kind="officialaccount", platform=None)
    browser.log_in("alice", ACCOUNT)
    before = browser.who()
    assert Person.objects.count() == 2
    fake_wechat.add_app(ACCOUNT, "secret-of-the-account", kind="officialaccount")
    browser.log_in("alice", ACCOUNT)
    assert browser.who() == before
    assert Person.objects.count() == 2
    assert Conflict.objects.count() == 1


def test_a_late_unionid_joins_who_has_nothing(browser, fake_wechat):
    phone = Phone(fake_wechat, "alice")
    fake_wechat.add_app(ACCOUNT, "secret-of-the-account", kind="officialaccount", platform=None)
    browser.log_in("alice", ACCOUNT)
    assert Person.objects.filter(merged_into=None).count() == 2
    fake_wechat.add_app(ACCOUNT, "secret-of-the-account", kind="officialaccount")
    browser.log_in("alice", ACCOUNT)
    assert browser.who() == phone.me()["id"]


def test_of_another_platform_it_is_another_user(browser, fake_wechat, settings):
    apps = {**settings.WXAUTH["APPS"]}
    apps[SITE] = {**apps[SITE], "PLATFORM": "other"}
    settings.WXAUTH = {**settings.WXAUTH, "APPS": apps}
    fake_wechat.add_app(SITE, "secret-of-the-site", kind="website", platform="other")
    phone = Phone(fake_wechat, "alice")
    browser.log_in("alice", SITE)
    assert browser.who() != phone.me()["id"]
    assert set(OpenId.objects.values_list("appid", flat=True)) == {APP_ONE, SITE}


def test_nobody_new_where_sign_up_is_closed(browser, configure, assert_nothing_written):
    configure(SIGNUP="closed")
    assert codes(browser.log_in()) == (403, "not_registered")


def test_the_two_openids_of_two_guests_do_not_mix(browser, fake_wechat):
    browser.log_in("alice", ACCOUNT, SILENT)
    browser.log_in("bob", ACCOUNT, SILENT)
    assert browser.openid() == fake_wechat.person("bob").openid(ACCOUNT)


@pytest.mark.parametrize("query", [SILENT, "scope=userinfo"])
def test_a_snapshot_leaves_no_trace(browser, fake_wechat, query, assert_nothing_written):
    answer = fake_wechat.consent(
        browser.client, f"{START[ACCOUNT]}?{query}", "alice", snapshot=True
    )
    assert codes(answer) == (403, "snapshot")
    assert browser.openid() is None
    assert browser.who() is None


def test_a_guest_costs_no_failed_login(browser, caplog):
    from django.contrib.auth.signals import user_login_failed

    heard = []
    user_login_failed.connect(lambda **kwargs: heard.append(1), weak=False, dispatch_uid="test")
    try:
        browser.log_in("alice", ACCOUNT, SILENT)
        assert heard == []
        fake = browser.fake
        fake.faults.add(faults.Errcode(40029), path=faults.OAUTH2)
        browser.log_in("alice", ACCOUNT, SILENT)
        assert heard == [1]
    finally:
        user_login_failed.disconnect(dispatch_uid="test")
