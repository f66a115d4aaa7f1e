"""One person through every door, those of phones and those of browsers, in ten different orders."""

from __future__ import annotations

import random

import pytest
from django.contrib.auth import get_user_model

from tests.api.phone import APP_ONE, APP_TWO, Phone
from wxauth.models import Identity, Login, OpenId

from .people import ACCOUNT, SITE, Browser

pytestmark = pytest.mark.django_db

MOBILE = "wx00000000000000a3"


@pytest.fixture
def doors(fake_wechat, settings, browser):
    """Door → how somebody comes through it; the key of their user, or None of a guest."""
    apps = {**settings.WXAUTH["APPS"], MOBILE: {"SECRET": "s", "KIND": "mobileapp"}}
    settings.WXAUTH = {**settings.WXAUTH, "APPS": apps}
    fake_wechat.add_app(MOBILE, "s", kind="mobileapp")

    def by_phone(appid):
        return lambda name: Phone(fake_wechat, name, appid).me()["id"]

    def by_browser(appid, query=""):
        def come(name):
            browser = Browser(fake_wechat)
            assert browser.log_in(name, appid, query).status_code == 302
            return browser.who()

        return come

    def by_ticket(name):
        url = Phone(fake_wechat, name).post("web-ticket/", {}).json()["url"]
        browser = Browser(fake_wechat)
        page = browser.get(url)
        ticket = page.context["ticket"].reveal()
        assert browser.client.post("/wechat/enter/", {"ticket": ticket}).status_code == 302
        return browser.who()

    return {
        "mini-program": by_phone(APP_ONE),
        "another mini-program": by_phone(APP_TWO),
        "mobile app": by_phone(MOBILE),
        "website": by_browser(SITE),
        "asked inside WeChat": by_browser(ACCOUNT),
        "silently inside WeChat": by_browser(ACCOUNT, "scope=base"),
        "web-view": by_ticket,
    }


@pytest.mark.parametrize(
    "order", [0, 1, *(pytest.param(order, marks=pytest.mark.waits) for order in range(2, 10))]
)
def test_alice_is_one_user_whichever_door_she_takes_first(doors, order):
    names = list(doors)
    random.Random(order).shuffle(names)
    came = [doors[name]("alice") for name in [*names, names[0]]]
    (key,) = {each for each in came if each is not None}
    # She is nobody only where nobody asked her and WeChat has not told who she is.
    guest = [name for name, who in zip(names, came, strict=False) if who is None]
    assert set(guest) <= {"silently inside WeChat"}
    assert str(get_user_model().objects.get().pk) == key
    assert Identity.objects.count() == 1
    assert OpenId.objects.count() == 5
    assert set(Login.objects.values_list("channel", flat=True)) == {
        "miniprogram",
        "mobileapp",
        "website",
        "officialaccount",
        "webview",
    }
    assert doors["website"]("bob") != key
    assert (get_user_model().objects.count(), Identity.objects.count()) == (2, 2)
