"""A website's QR code and a page inside WeChat: a browser comes back logged in."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.api.phone import APP_TWO, Phone
from wxauth.models import Identity, Login, OpenId, Person

from .people import ACCOUNT, SITE, START, codes, state_of

pytestmark = pytest.mark.django_db


def test_alice_scans_the_code_of_the_website_and_lands_where_she_wanted_to_go(browser):
    answer = browser.log_in("alice", SITE, "next=/who/%3Fx=1")
    assert (answer.status_code, answer.url) == (302, "/who/?x=1")
    assert browser.who() == str(Person.objects.get().pk)
    assert (browser.login.channel, browser.login.appid) == ("website", SITE)


def test_alice_agrees_in_wechats_browser(browser):
    assert browser.log_in("alice", ACCOUNT, "next=/who/").url == "/who/"
    assert browser.login.channel == "officialaccount"
    assert browser.who() == str(browser.person.pk)


def test_a_session_is_one_login_that_lives_as_long(browser, settings):
    settings.SESSION_COOKIE_AGE = 3600
    browser.log_in()
    login = Login.objects.get()
    assert (login.expires_at - login.created_at).total_seconds() == 3600
    assert login.sealed_session_key is None


def test_through_every_door_she_is_the_same_user(browser, another, fake_wechat):
    phone = Phone(fake_wechat, "alice")
    browser.log_in("alice", SITE)
    another.log_in("alice", ACCOUNT)
    Phone(fake_wechat, "alice", APP_TWO)
    assert Person.objects.count() == Identity.objects.count() == 1
    assert OpenId.objects.count() == 4
    assert browser.who() == another.who() == phone.me()["id"]


def test_what_wechats_page_is_told_stands_in_its_order(browser):
    for appid, page, scope in (
        (SITE, "/connect/qrconnect", "snsapi_login"),
        (ACCOUNT, "/connect/oauth2/authorize", "snsapi_userinfo"),
    ):
        address = browser.get(START[appid]).url
        parts = urlsplit(address)
        assert (parts.path, parts.fragment) == (page, "wechat_redirect")
        fields = parse_qs(parts.query)
        assert list(fields) == ["appid", "redirect_uri", "response_type", "scope", "state"]
        assert fields["redirect_uri"] == ["http://testserver/wechat/callback/"]
        assert (fields["appid"], fields["scope"]) == ([appid], [scope])
        assert re.fullmatch("[A-Za-z0-9]{32}", fields["state"][0])
        assert len(address) < 300


def test_the_official_address_is_where_nothing_else_is_said(browser, configure):
    configure(OPEN_BASE="")
    assert browser.get(START[SITE]).url.startswith("https://open.weixin.qq.com/connect/qrconnect?")


def test_wechats_own_script_is_told_what_it_wants(browser, fake_wechat):
    answer = browser.get(f"{START[SITE]}?as=json&next=/who/")
    body = answer.json()
    assert set(body) == {"appid", "scope", "redirect_uri", "state"}
    # It puts the address of the callback into its own as it is.
    address = f"{fake_wechat.url}/connect/qrconnect?" + "&".join(
        f"{name}={value}" for name, value in body.items()
    )
    assert unquote(body["redirect_uri"]) == "http://testserver/wechat/callback/"
    assert fake_wechat.consent(browser.client, address, "alice").url == "/who/"
    assert browser.who()


@pytest.mark.parametrize("appid", ["wx0000000000000001", "wxnobody", "微信"])
def test_another_app_has_no_such_door(browser, appid, assert_nothing_written):
    assert codes(browser.get(f"/wechat/start/{appid}/")) == (400, "unknown_app")


@pytest.mark.parametrize(
    ("appid", "scope"), [(SITE, "base"), (SITE, "userinfo"), (ACCOUNT, "snsapi_base")]
)
def test_a_scope_that_the_app_does_not_have_is_named(browser, appid, scope):
    answer = browser.get(f"{START[appid]}?scope={scope}&as=json")
    assert (answer.status_code, answer.json()["field"]) == (400, "scope")


@pytest.mark.parametrize("path", ["start/x/", "callback/"])
def test_only_get_opens_a_door(browser, path):
    for method in ("post", "put", "delete", "head", "options"):
        answer = getattr(browser.client, method)(f"/wechat/{path}")
        assert answer.status_code == 405
        assert answer["Allow"] == "GET"


def test_the_nickname_arrives_unharmed(browser, fake_wechat):
    fake_wechat.add_person("alice", nickname="é🌸小\u202e爱")
    browser.log_in()
    assert browser.person.nickname == "é🌸小爱"


def test_the_host_is_the_one_that_wechat_has_registered(browser, fake_wechat):
    from wxauth.testing.consent import NotShown

    fake_wechat.add_app(SITE, "s", kind="website", domain="www.example.com")
    with pytest.raises(NotShown, match="redirect_uri"):
        browser.log_in()


def test_a_forged_host_gets_no_address(browser):
    assert browser.get(START[SITE], headers={"Host": "evil.example"}).status_code == 400


def test_a_limit_counts_who_asks_again_and_again(browser, configure, settings):
    configure(LIMITS={**settings.WXAUTH["LIMITS"], "login_address": "2/day"})
    ask = {"path": START[SITE], "REMOTE_ADDR": "198.51.100.77"}
    assert [browser.get(**ask).status_code for _ in range(3)] == [302, 302, 429]


def test_a_start_leaves_nothing_but_a_session(browser, assert_nothing_written):
    assert state_of(browser.get(START[SITE])) != state_of(browser.get(START[SITE]))
