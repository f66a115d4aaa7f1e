"""A mini-program hands its login to its web-view: one ticket, one use, a minute, a question."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from tests.api.contract import assert_error
from tests.api.phone import Phone
from tests.together import together
from wxauth.models import Login, SpentData
from wxauth.services.login import tickets
from wxauth.types import Secret

from .people import codes

pytestmark = pytest.mark.django_db

ENDED = (400, "invalid_ticket")


@pytest.fixture
def alice(fake_wechat):
    return Phone(fake_wechat, "alice")


def ask(phone, path="/cart/"):
    answer = phone.post("web-ticket/", {"next": path})
    assert answer.status_code == 200, answer.content
    return answer.json()


def split(url):
    path, _, query = url.removeprefix("http://testserver").partition("?")
    return path, dict(pair.split("=", 1) for pair in query.split("&"))


def say_yes(client, url):
    path, query = split(url)
    return client.post(path, {"ticket": query["ticket"].replace("%3A", ":"), "next": "/cart/"})


def test_alice_goes_on_in_the_web_view(browser, alice, fake_wechat):
    alice.row.nickname = "小爱"
    alice.row.__class__.objects.filter(pk=alice.row.pk).update(nickname="小爱")
    body = ask(alice)
    assert body["expires_in"] == 60
    page = browser.get(body["url"])
    assert page.status_code == 200
    assert "小爱" in page.content.decode()
    # Else browsers would not say where its form comes from.
    assert page["Referrer-Policy"] == "same-origin"
    # To look at it is not to use it: whoever shows links in advance does.
    assert browser.who() is None
    assert say_yes(browser.client, body["url"]).url == "/cart/"
    assert browser.who() == alice.me()["id"]
    assert browser.login.channel == "webview"


def test_a_ticket_is_good_once(browser, another, alice):
    url = ask(alice)["url"]
    say_yes(browser.client, url)
    assert codes(say_yes(another.client, url)) == ENDED
    assert another.who() is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.waits
def test_of_two_at_the_same_moment_one_comes_in(alice):
    url = ask(alice)["url"]
    answers = together([lambda: say_yes(Client(), url).status_code] * 4)
    assert sorted(answers) == [302, 400, 400, 400]


def test_after_a_minute_it_is_too_late(browser, alice, monkeypatch):
    url = ask(alice)["url"]
    now = tickets.signing.time.time()
    monkeypatch.setattr(tickets.signing.time, "time", lambda: now + 61)
    assert codes(browser.get(url)) == ENDED
    assert codes(say_yes(browser.client, url)) == ENDED


def test_another_site_gives_no_tickets_here(browser, alice, settings):
    mine = settings.SECRET_KEY
    settings.SECRET_KEY = "another site"
    url = ask(alice)["url"]
    settings.SECRET_KEY = mine
    assert codes(say_yes(browser.client, url)) == ENDED


@pytest.mark.parametrize("ticket", ["", "x", "a:b:c", "微信", "a" * 9000, "\x00"])
def test_what_is_no_ticket_is_refused(browser, ticket, assert_nothing_written):
    assert codes(browser.client.post("/wechat/enter/", {"ticket": ticket})) == ENDED
    assert codes(browser.client.get("/wechat/enter/", {"ticket": ticket})) == ENDED


def test_a_ticket_dies_with_the_login_that_made_it(browser, alice):
    url = ask(alice)["url"]
    alice.post("logout/")
    assert codes(say_yes(browser.client, url)) == ENDED


def test_who_is_blocked_meanwhile_stays_out(browser, alice):
    url = ask(alice)["url"]
    alice.row.__class__.objects.filter(pk=alice.row.pk).update(blocked_at=timezone.now())
    assert codes(say_yes(browser.client, url)) == ENDED


def test_staff_get_no_session_by_it(browser, alice):
    user = alice.row.user
    user.is_staff = True
    user.save()
    assert codes(say_yes(browser.client, ask(alice)["url"])) == (403, "staff_refused")


def test_another_site_cannot_say_yes_for_the_reader(alice):
    client = Client(enforce_csrf_checks=True)
    assert say_yes(client, ask(alice)["url"]).status_code == 403


def test_whoever_is_logged_in_already_is_not_asked(browser, alice):
    say_yes(browser.client, ask(alice)["url"])
    url = ask(alice, "/who/")["url"]
    assert browser.get(url).url == "/who/"
    assert Login.objects.filter(channel="webview").count() == 1


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example/", "/a b", "/" * 501])
def test_the_web_view_stays_on_this_site(alice, path):
    assert_error(alice.post("web-ticket/", {"next": path}), "invalid_request", field="next")


def test_nobody_gets_a_ticket_without_a_login(client, fake_wechat):
    answer = client.post("/api/wxauth/web-ticket/", {}, content_type="application/json")
    assert_error(answer, "not_authenticated")


def test_without_pages_for_browsers_there_are_no_tickets(alice, settings):
    settings.ROOT_URLCONF = "tests.web.without"
    assert_error(alice.post("web-ticket/", {}), "not_found")


def test_a_ticket_shows_nothing_and_writes_nothing(alice):
    ticket = tickets.issue(login=alice.login)
    assert "…" in repr(ticket)
    assert SpentData.objects.count() == 0
    assert tickets.read(Secret(ticket.reveal())) == alice.login
