"""simplejwt, REST framework's tokens, knox, sessions and allauth in one project with wxauth.

The settings are those of ``docs/other-logins.md``.
"""

from __future__ import annotations

import base64
import re

import pytest
import requests

from tests.api.contract import assert_error

from .phone import APP_ONE, APP_TWO, Phone

pytestmark = pytest.mark.hosts


@pytest.fixture(params=["logins", "logins-theirs"])
def host(request, get_host):
    return get_host(request.param)


@pytest.fixture
def alice(host, new_phone):
    phone = new_phone(host)
    phone.log_in()
    return phone


@pytest.fixture
def bob(host):
    """Somebody with a password. One for all tests: it takes a process to make him."""
    phone = Phone(host, f"bob-{host.folder.name}")
    if phone.name not in phone.fake.people:
        phone.fake.add_person(phone.name)
        phone.host.shell(
            "from django.contrib.auth.models import User\n"
            f"User.objects.create_user({phone.name!r}, password='geheim')"
        )
    return phone


def whoami(phone, authorization="", method="GET"):
    return phone.send(method, "/api/whoami/", authorization=authorization)


def by_jwt(phone):
    fields = {"username": phone.name, "password": "geheim"}
    return "Bearer " + phone.send("POST", "/api/jwt/", fields).json()["access"]


def by_authtoken(phone):
    fields = {"username": phone.name, "password": "geheim"}
    return "Token " + phone.send("POST", "/api/authtoken/", fields).json()["token"]


def by_knox(phone):
    basic = base64.b64encode(f"{phone.name}:geheim".encode()).decode()
    answer = phone.send("POST", "/api/knox/", authorization=f"Basic {basic}")
    return "Knox " + answer.json()["token"]


LOGINS = [
    (by_jwt, "rest_framework_simplejwt"),
    (by_authtoken, "rest_framework"),
    (by_knox, "knox"),
]


@pytest.mark.parametrize(("log_in", "module"), LOGINS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_other_token_opens_the_projects_views_as_before(bob, log_in, module, method):
    answer = whoami(bob, log_in(bob), method)
    assert answer.status_code == 200, answer.content
    assert answer.json()["by"] == module


@pytest.mark.parametrize(("log_in", "module"), LOGINS)
def test_no_other_token_opens_ours(bob, log_in, module):
    assert_error(bob.get("me/", authorization=log_in(bob)), "not_authenticated")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_our_token_opens_the_projects_views(alice, method):
    answer = whoami(alice, f"Bearer {alice.token}", method)
    assert answer.json() == {"id": alice.get("me/").json()["id"], "by": "wxauth"}


@pytest.mark.parametrize(
    "authorization", ["Bearer wxa_x", "Bearer x.y.z", "Token x", "Knox " + "x" * 64]
)
def test_a_token_that_is_none_is_refused_by_whose_it_would_be(bob, authorization):
    answer = whoami(bob, authorization)
    assert answer.status_code == 401
    assert "detail" in answer.json()


def test_whoever_sends_nothing_is_told_to_log_in(bob):
    assert whoami(bob).status_code == 401


# -- sessions, allauth -------------------------------------------------------------------------


@pytest.fixture
def website(host):
    with requests.Session() as session:

        def send(method, path, data=None, **kwargs):
            headers = {"X-CSRFToken": session.cookies.get("csrftoken", ""), "Referer": host.url}
            return session.request(method, host.url + path, data=data, headers=headers, **kwargs)

        yield send


def sign_up(website, name):
    """allauth's own page."""
    page = website("GET", "/accounts/signup/")
    assert 'name="csrfmiddlewaretoken"' in page.text
    fields = {"username": name, "password1": "geheim-4711", "password2": "geheim-4711"}
    done = website("POST", "/accounts/signup/", fields, allow_redirects=False)
    assert done.status_code == 302, re.findall("errorlist.*", done.text)


def test_a_session_of_allauth_opens_the_projects_views_and_none_of_ours(website):
    sign_up(website, "visitor")
    assert website("GET", "/api/whoami/").json()["by"] == "rest_framework"
    assert website("POST", "/api/whoami/").status_code == 200
    answer = website("GET", "/api/wxauth/me/")
    assert answer.json()["code"] == "not_authenticated"
    assert "Set-Cookie" not in answer.headers


def test_who_signed_up_on_the_website_adds_wechat_there(website, host, new_phone):
    carol = new_phone(host)
    sign_up(website, f"{carol.name}-website")
    code = carol.fake.login_code(carol.name)
    linked = website("POST", "/api/wxauth/link/", json={"code": code})
    assert linked.status_code == 200, linked.text
    body = carol.log_in()
    assert (body["created"], body["user"]) == (False, linked.json()["user"])
    assert website("GET", "/api/whoami/").json()["id"] == body["user"]["id"]
    # There is a password: the last identity may go.
    (row,) = carol.get("me/identities/").json()
    assert carol.delete(f"me/identities/{row['id']}/").status_code == 204


def test_somebody_elses_page_cannot_link(website, host, new_phone):
    carol = new_phone(host)
    sign_up(website, f"{carol.name}-csrf")
    with requests.Session() as forged:
        page = website("GET", "/api/whoami/")
        cookies = {"sessionid": page.request._cookies["sessionid"]}
        code = {"code": carol.fake.login_code(carol.name)}
        answer = forged.post(f"{host.url}/api/wxauth/link/", json=code, cookies=cookies)
    assert answer.json()["code"] == "not_authenticated"
    assert carol.log_in()["created"] is True


def test_who_has_a_jwt_adds_wechat_too(bob):
    code = bob.fake.login_code(bob.name)
    linked = bob.post("link/", {"code": code}, authorization=by_jwt(bob)).json()
    assert bob.log_in()["user"] == linked["user"]


# -- login_payload -----------------------------------------------------------------------------


def test_an_old_client_finds_its_jwt_in_the_answer(alice):
    extra = alice.log_in()["extra"]
    mine = {"id": alice.get("me/").json()["id"], "by": "rest_framework_simplejwt"}
    assert whoami(alice, f"Bearer {extra['access']}").json() == mine
    renewed = alice.send("POST", "/api/jwt/refresh/", {"refresh": extra["refresh"]}).json()
    assert whoami(alice, f"Bearer {renewed['access']}").json() == mine
    # It is the project's from then on.
    alice.post("logout/all/")
    assert whoami(alice, f"Bearer {extra['access']}").json() == mine


def test_rows_that_every_login_leaves_do_not_keep_one_person_two_users(host, new_phone):
    dave = new_phone(host)
    person = dave.fake.person(dave.name)
    person.unionids["default"] = None
    one = dave.log_in(appid=APP_ONE)
    del person.unionids["default"]
    two = dave.log_in(appid=APP_TWO)
    assert one["user"]["id"] != two["user"]["id"]
    ids = {dave.log_in(appid=appid)["user"]["id"] for appid in (APP_ONE, APP_TWO)}
    assert len(ids) == 1


# -- ENVELOPE ----------------------------------------------------------------------------------


def test_in_an_envelope_everything_of_ours_has_one_shape(get_host, new_phone):
    phone = new_phone(get_host("logins-wrapped"))
    body = phone.try_login().json()
    assert (body["code"], body["msg"]) == (0, "ok")
    phone.token = body["data"]["token"]
    assert phone.get("me/").json() == {"code": 0, "msg": "ok", "data": body["data"]["user"]}
    refused = phone.post("login/", {"code": "wrong"})
    assert refused.status_code == 200
    assert refused.json()["code"] == 400
    assert refused.json()["data"]["action"] == "login"
    # The project's own views are not ours to wrap.
    assert whoami(phone, f"Bearer {phone.token}").json()["by"] == "wxauth"
    assert whoami(phone).status_code == 401
