"""What startproject wrote, with the pages for browsers and without them.

The one with them runs on the settings, the view and the HTML of ``docs/browsers.md``.
"""

from __future__ import annotations

import html
import random
import re
from urllib.parse import urlencode, urljoin

import pytest
import requests
from requests.cookies import RequestsCookieJar

from tests.api.contract import assert_error

from .phone import APP_ONE, APP_TWO
from .variants import ACCOUNT, MOBILE, SITE

pytestmark = pytest.mark.hosts

IN_WECHAT = "Mozilla/5.0 (Linux; Android 14) MicroMessenger/8.0.50"


class Jar(RequestsCookieJar):
    """Secure cookies go to this machine without TLS, as browsers have it."""

    def set_cookie(self, cookie, *args, **kwargs):
        cookie.secure = False
        return super().set_cookie(cookie, *args, **kwargs)


class Browser:
    """One browser with its cookies, and a person with a phone beside it."""

    def __init__(self, host, name, agent="Mozilla/5.0"):
        self.host, self.name, self.http = host, name, requests.Session()
        self.http.headers["User-Agent"] = agent
        self.http.cookies = Jar()

    def open(self, path):
        answer = self.http.get(self.host.url + path, timeout=30)
        answer.raise_for_status()
        return answer

    def follow(self, page, text):
        """Press the link in whose address this stands."""
        link = next(link for link in re.findall(r'href="([^"]*)"', page.text) if text in link)
        return self.http.get(urljoin(page.url, html.unescape(link)), timeout=30)

    def send(self, page, **typed):
        """Send the form of this page."""
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
        action = re.search(r'action="([^"]*)"', page.text)
        url = urljoin(page.url, action[1] if action else "")
        sent = {name: html.unescape(value) for name, value in fields.items()} | typed
        return self.http.post(url, data=sent, timeout=30)

    def who(self):
        """The key of the user whom the shop sees."""
        return re.search(r"<b>(.*?)</b>", self.open("/shop/").text)[1]


@pytest.fixture
def host(get_host):
    return get_host("browsers")


@pytest.fixture
def alice(host, new_phone):
    phone = new_phone(host)
    phone.log_in()
    return phone


@pytest.fixture
def key(alice):
    return alice.get("me/").json()["id"]


def test_nothing_is_wrong_with_what_the_page_says(host):
    assert "no issues" in host.manage("check")


def test_alice_comes_by_the_code_of_the_website_and_leaves_from_her_phone(host, alice, key):
    pc = Browser(host, alice.name)
    assert pc.who() == "None"
    wechat = pc.follow(pc.open("/shop/"), f"start/{SITE}/?next=/orders/")
    assert wechat.url.startswith(host.server.url)
    back = pc.follow(wechat, f"person={alice.name}")
    assert back.url == f"{host.url}/orders/"
    assert pc.who() == key
    (row,) = [row for row in alice.get("me/logins/").json() if not row["current"]]
    assert row["app"] == SITE
    assert alice.delete(f"me/logins/{row['id']}/").status_code == 204
    assert pc.who() == "None"


def test_a_guest_inside_wechat_becomes_a_user_by_a_tap(host, new_phone):
    eve = new_phone(host)
    page = Browser(host, eve.name, IN_WECHAT)
    # Whose phone this is.
    page.http.cookies.set("person", eve.name)
    # The shop sends her to WeChat and back, once.
    assert page.who() == "None"
    shop = page.open("/shop/")
    assert shop.history == []
    asked = page.follow(shop, f"start/{ACCOUNT}/?next=/shop/")
    assert page.follow(asked, f"person={eve.name}").url == f"{host.url}/shop/"
    key = page.who()
    assert eve.log_in()["user"]["id"] == key


def test_a_web_view_goes_on_with_the_phones_login(host, alice, key):
    url = alice.post("web-ticket/", {"next": "/shop/"}).json()["url"]
    view = Browser(host, alice.name)
    asked = view.open(url.removeprefix(host.url))
    assert view.send(asked).url == f"{host.url}/shop/"
    assert view.who() == key


def test_a_single_page_front_end_reads_the_session(host, alice, key):
    pc = Browser(host, alice.name)
    pc.follow(pc.follow(pc.open("/shop/"), SITE), f"person={alice.name}")
    assert pc.open("/api/whoami/").json() == {"id": int(key)}
    # A token goes before, and a write wants the header.
    answer = alice.send("GET", "/api/whoami/", authorization=f"Bearer {alice.token}")
    assert answer.json() == {"id": int(key)}
    assert pc.http.post(f"{host.url}/api/whoami/").status_code == 403
    token = {"X-CSRFToken": pc.http.cookies["csrftoken"]}
    assert pc.http.post(f"{host.url}/api/whoami/", headers=token).status_code == 200
    assert pc.http.get(f"{host.url}/api/wxauth/me/").status_code == 401


def test_who_has_a_password_links_wechat_and_staff_still_need_it(host, new_phone):
    carol = new_phone(host)
    host.shell(
        "from django.contrib.auth.models import User\n"
        f"User.objects.create_superuser({carol.name!r}, password='geheim')"
    )
    pc = Browser(host, carol.name)
    page = pc.open("/admin/login/?next=/shop/")
    page = pc.send(page, username=carol.name, password="geheim")
    key = pc.who()
    linked = pc.follow(pc.send(page), f"person={carol.name}")
    assert linked.url == f"{host.url}/settings/"
    assert pc.who() == key
    another = Browser(host, carol.name)
    refused = another.follow(another.follow(another.open("/shop/"), SITE), f"person={carol.name}")
    assert (refused.status_code, another.who()) == (403, "None")


@pytest.fixture
def doors(host):
    """Door → how somebody comes through it; the key of their user, or None of a guest."""

    def by_website(phone):
        pc = Browser(host, phone.name)
        pc.follow(pc.follow(pc.open("/shop/"), SITE), f"person={phone.name}")
        return pc.who()

    def in_wechat(phone, *, tap):
        page = Browser(host, phone.name, IN_WECHAT)
        page.http.cookies.set("person", phone.name)
        who = page.who()
        if tap and who == "None":
            start = f"/wechat/start/{ACCOUNT}/?next=/shop/"
            page.follow(page.open(start), f"person={phone.name}")
            who = page.who()
        return None if who == "None" else who

    def by_ticket(phone):
        phone.log_in()
        url = phone.post("web-ticket/", {"next": "/shop/"}).json()["url"]
        view = Browser(host, phone.name)
        view.send(view.open(url.removeprefix(host.url)))
        return view.who()

    def ahead(phone):
        query = urlencode(phone.fake.prefetch_query(phone.name))
        return phone.send("GET", f"/api/wxauth/prefetch/?{query}").json()["user"]["id"]

    return {
        "mini-program": lambda phone: phone.log_in()["user"]["id"],
        "another mini-program": lambda phone: phone.log_in(appid=APP_TWO)["user"]["id"],
        "mobile app": lambda phone: phone.log_in(appid=MOBILE)["user"]["id"],
        "website": by_website,
        "asked inside WeChat": lambda phone: in_wechat(phone, tap=True),
        "silently inside WeChat": lambda phone: in_wechat(phone, tap=False),
        "web-view": by_ticket,
        "pre-fetch": ahead,
    }


@pytest.mark.parametrize("order", range(10))
def test_alice_is_one_user_whichever_door_she_takes_first(host, doors, new_phone, order):
    alice, names = new_phone(host), list(doors)
    random.Random(order).shuffle(names)
    came = {name: doors[name](alice) for name in names}
    guest = {name for name, who in came.items() if who is None}
    assert guest <= {"silently inside WeChat"}
    (key,) = {who for who in came.values() if who is not None}
    assert alice.get("me/").json()["id"] == key
    (identity,) = alice.get("me/identities/").json()
    assert sorted(identity["apps"]) == [APP_ONE, APP_TWO, SITE, ACCOUNT, MOBILE]


# -- without them ------------------------------------------------------------------------------

#: Statements of a login, of a request with its token, of a page for a visitor, and of one for
#: somebody with a password; and whether the middleware is there at all.
STATEMENTS = """
import sys
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

client = Client(SERVER_NAME='127.0.0.1')
connection.ensure_connection()

def cost(ask):
    with CaptureQueriesContext(connection) as captured:
        answer = ask()
    assert answer.status_code == 200, answer.content
    return len(captured), answer

body = {'path': '/api/wxauth/login/', 'data': {'code': CODE}, 'content_type': 'application/json'}
login, answer = cost(lambda: client.post(**body))
bearer = {'Authorization': 'Bearer ' + answer.json()['token']}
me, _ = cost(lambda: client.get('/api/wxauth/me/', headers=bearer))
visitor, _ = cost(lambda: client.get('/admin/login/'))
client.force_login(User.objects.create_user(NAME), 'django.contrib.auth.backends.ModelBackend')
password, _ = cost(lambda: client.get('/admin/login/'))
print(login, me, visitor, password, 'wxauth.web.middleware' in sys.modules)
"""


@pytest.mark.parametrize(("variant", "installed"), [("bare", False), ("browsers", True)])
def test_nobody_pays_a_statement_for_them_who_did_not_come_by_them(
    get_host, new_phone, variant, installed
):
    phone = new_phone(get_host(variant))
    phone.log_in()
    names = f"CODE, NAME = {phone.fake.login_code(phone.name)!r}, {phone.name + '-password'!r}\n"
    # BEGIN, SELECT, INSERT, COMMIT; the token; nothing; the session, the user, and what the admin
    # asks of this user's permissions: their own, their groups'.
    assert phone.host.shell(names + STATEMENTS) == f"4 1 0 4 {installed}"


def test_a_host_without_them_has_no_such_paths_and_no_check(get_host, new_phone):
    phone = new_phone(get_host("bare"))
    phone.log_in()
    for path in (f"start/{SITE}/", f"link/{SITE}/", "callback/", "enter/"):
        assert phone.send("GET", f"/wechat/{path}").status_code == 404
    assert_error(phone.post("web-ticket/", {}), "not_found")
    assert "no issues" in phone.host.manage("check")
