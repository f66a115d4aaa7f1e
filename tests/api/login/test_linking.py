"""link/ and me/identities/: adding a WeChat app on purpose, and removing an identity."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from rest_framework.authentication import BaseAuthentication

from tests.api.contract import assert_error
from tests.api.phone import APP_ONE, APP_TWO, ROOT, Phone, call
from wxauth.models import Event, Identity, Login, OpenId, Person
from wxauth.signals import linked, unlinked

User = get_user_model()


@pytest.fixture
def two_platforms(fake_wechat, configure, settings):
    """The two apps belong to two businesses: nothing but the person links them."""
    apps = {**settings.WXAUTH["APPS"]}
    apps[APP_TWO] = {**apps[APP_TWO], "PLATFORM": "second"}
    configure(APPS=apps)
    fake_wechat.add_app(APP_TWO, apps[APP_TWO]["SECRET"], platform="second")


@pytest.fixture
def heard():
    news = []

    def hear(signal, user, **kwargs):
        news.append((signal, user.pk))

    for signal in (linked, unlinked):
        signal.connect(hear)
    yield news
    for signal in (linked, unlinked):
        signal.disconnect(hear)


def link(phone, person=None, appid=APP_TWO, **kwargs):
    code = phone.fake.login_code(person or phone.person, appid)
    return phone.post("link/", {"code": code, "appid": appid}, **kwargs)


def listed(phone):
    answer = phone.get("me/identities/")
    assert answer.status_code == 200, answer.content
    return answer.json()


def state():
    """Who is who, in every row."""
    models = (User, Person, Identity, OpenId, Event)
    rows = {m.__name__: sorted(map(repr, m._base_manager.values_list())) for m in models}
    rows["logins"] = Login.objects.count()
    return rows


# -- linking -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_alice_adds_an_app_of_another_platform(fake_wechat, two_platforms, alice, heard):
    answer = link(alice, headers={"X-Request-ID": "request-of-alice"})
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert set(body) == {
        "token", "token_type", "expires_in", "expires_at", "created", "user", "warnings", "extra",
    }  # fmt: skip
    assert (body["created"], body["user"]["id"]) == (False, str(alice.login.person_id))
    linked_login = Login.objects.latest("pk")
    assert (linked_login.appid, linked_login.person_id) == (APP_TWO, alice.login.person_id)
    # From now on she is herself there, too.
    assert Phone(fake_wechat, "alice", APP_TWO).me()["id"] == alice.me()["id"]
    assert User.objects.count() == 1
    assert heard == [(linked, alice.login.person_id)]
    event = Event.objects.get()
    assert (event.kind, event.user, event.actor, event.appid, event.request_id) == (
        "linked", str(alice.login.person_id), str(alice.login.person_id), APP_TWO,
        "request-of-alice",
    )  # fmt: skip


def test_linking_what_is_linked_is_a_login(alice, two_platforms):
    assert link(alice).status_code == 200
    before = state()
    assert link(alice).status_code == 200
    after = state()
    assert after.pop("logins") == before.pop("logins") + 1
    assert after == before


def test_the_old_token_goes_on(alice, two_platforms):
    link(alice)
    assert alice.get("me/").status_code == 200


def test_where_the_project_says_so_linking_ends_the_other_logins(
    fake_wechat, alice, two_platforms, configure
):
    configure(LINK_ENDS_OTHERS=True)
    other = Phone(fake_wechat, "alice")
    answer = link(alice)
    for phone in (alice, other):
        assert_error(phone.get("me/"), "invalid_token")
    token = answer.json()["token"]
    assert call(alice.client, "GET", "me/", token=token).status_code == 200


def test_what_is_bobs_stays_bobs(fake_wechat, alice, bob, two_platforms):
    Phone(fake_wechat, "bob", APP_TWO)
    before = state()
    assert_error(link(alice, "bob"), "conflict")
    assert state() == before


def test_a_unionid_of_bobs_is_not_got_through_a_new_app(fake_wechat, alice, bob):
    """bob has never been in app two, but WeChat says whose openid it is."""
    before = state()
    assert_error(link(alice, "bob"), "conflict")
    assert state() == before


def test_a_second_wechat_account_in_the_same_app_is_refused(fake_wechat, alice):
    before = state()
    assert_error(link(alice, "eve", APP_ONE), "conflict")
    assert state() == before


def test_a_code_works_once_and_for_one_user(fake_wechat, alice, bob, two_platforms):
    code = fake_wechat.login_code("alice", APP_TWO)
    request = {"code": code, "appid": APP_TWO}
    assert alice.post("link/", request).status_code == 200
    for phone in (alice, bob):
        assert_error(phone.post("link/", request), "code_used")
    assert_error(call(Client(), "POST", "login/", request), "code_used")


def test_a_code_of_a_login_links_nobody_else(fake_wechat, bob, two_platforms):
    code = fake_wechat.login_code("alice", APP_TWO)
    request = {"code": code, "appid": APP_TWO}
    assert call(bob.client, "POST", "login/", request).status_code == 200
    assert_error(bob.post("link/", request), "code_used")


def test_a_blocked_person_links_nothing(alice, two_platforms):
    Person.objects.update(blocked_at=alice.login.created_at)
    assert_error(link(alice), "invalid_token")


def test_a_request_for_an_unknown_app_or_without_a_code(alice):
    assert_error(alice.post("link/", {}), "invalid_request", field="code")
    assert_error(alice.post("link/", {"code": "x", "appid": "wx-unknown"}), "unknown_app")
    assert_error(alice.post("link/", {"code": "x", "appid": APP_TWO}), "invalid_code")


def test_nobody_links_without_a_login(fake_wechat, db):
    code = fake_wechat.login_code("alice")
    assert_error(call(Client(), "POST", "link/", {"code": code}), "not_authenticated")
    answer = call(Client(), "POST", "link/", {"code": code}, token="wxa_unknown")
    assert_error(answer, "invalid_token")


def test_linking_is_limited(alice, two_platforms, configure):
    configure(LIMITS={"link": "2/hour"})
    for _ in range(2):
        assert link(alice).status_code == 200
    assert_error(link(alice), "rate_limited")


# -- who signed up by password -------------------------------------------------------------------


SESSION = "rest_framework.authentication.SessionAuthentication"


class TrustingCookie(BaseAuthentication):
    """A project's class that forgot about other sites."""

    def authenticate(self, request):
        user = User.objects.filter(username=request.COOKIES.get("who", "")).first()
        return (user, None) if user else None


@pytest.fixture
def carl(db):
    return User.objects.create_user("carl", password="secret-of-carl")


@pytest.fixture
def browser(carl):
    """carl's browser, logged in to the website; Django's own CSRF check is on."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(carl)
    client.cookies["csrftoken"] = "a" * 32
    client.cookies["who"] = "carl"
    return client


def link_by_cookie(browser, fake, person="alice", **headers):
    body = json.dumps({"code": fake.login_code(person)})
    return browser.post(ROOT + "link/", body, content_type="application/json", headers=headers)


def test_by_default_a_cookie_is_nothing(browser, fake_wechat):
    answer = link_by_cookie(browser, fake_wechat, **{"X-CSRFToken": "a" * 32})
    assert_error(answer, "not_authenticated")


@pytest.mark.parametrize("path", [SESSION, f"{__name__}.TrustingCookie"])
def test_who_signed_up_by_password_links_from_the_website(
    browser, carl, fake_wechat, configure, path
):
    configure(LINK_AUTHENTICATION=[path])
    assert_error(link_by_cookie(browser, fake_wechat), "not_authenticated")
    assert not OpenId.objects.exists()
    answer = link_by_cookie(browser, fake_wechat, **{"X-CSRFToken": "a" * 32})
    assert answer.status_code == 200, answer.content
    assert answer.json()["user"]["id"] == str(carl.pk)
    assert Phone(fake_wechat, "alice").me()["id"] == str(carl.pk)


class HeaderAuthentication(BaseAuthentication):
    def authenticate(self, request):
        name = request.headers.get("Authorization", "").removeprefix("Name ")
        user = User.objects.filter(username=name).first()
        return (user, None) if user else None


def test_a_header_needs_no_csrf_token(carl, fake_wechat, configure):
    configure(LINK_AUTHENTICATION=[f"{__name__}.HeaderAuthentication"])
    code = fake_wechat.login_code("alice")
    headers = {"Authorization": "Name carl"}
    answer = call(
        Client(enforce_csrf_checks=True), "POST", "link/", {"code": code}, headers=headers
    )
    assert answer.status_code == 200, answer.content
    # Only here: everything else wants our token.
    assert_error(call(Client(), "GET", "me/", headers=headers), "not_authenticated")


def test_an_inactive_user_links_nothing(carl, fake_wechat, configure):
    configure(LINK_AUTHENTICATION=[f"{__name__}.HeaderAuthentication"])
    User.objects.update(is_active=False)
    code = fake_wechat.login_code("alice")
    headers = {"Authorization": "Name carl"}
    answer = call(Client(), "POST", "link/", {"code": code}, headers=headers)
    assert_error(answer, "blocked")
    assert not Person.objects.exists()


# -- the list, and removing ------------------------------------------------------------------------


def test_alice_sees_what_she_can_log_in_with(alice, alice_in_two, bob):
    (row,) = listed(alice)
    assert set(row) == {"id", "apps", "created_at", "current"}
    assert (row["apps"], row["current"]) == ([APP_ONE, APP_TWO], True)
    assert row["created_at"].endswith("Z")


def test_two_platforms_are_two_identities(alice, two_platforms):
    link(alice)
    first, second = listed(alice)
    assert (first["apps"], first["current"]) == ([APP_ONE], True)
    assert (second["apps"], second["current"]) == ([APP_TWO], False)


@pytest.mark.django_db(transaction=True)
def test_alice_removes_an_identity(fake_wechat, alice, two_platforms, heard):
    token = link(alice).json()["token"]
    _, second = listed(alice)
    heard.clear()
    answer = alice.delete(f"me/identities/{second['id']}/")
    assert answer.status_code == 204
    assert [row["apps"] for row in listed(alice)] == [[APP_ONE]]
    assert_error(call(alice.client, "GET", "me/", token=token), "invalid_token")
    assert heard == [(unlinked, alice.login.person_id)]
    event = Event.objects.latest("pk")
    assert (event.kind, event.detail["apps"]) == ("unlinked", [APP_TWO])
    # There she is a stranger again.
    stranger = Phone(fake_wechat, "alice", APP_TWO)
    assert stranger.me()["id"] != alice.me()["id"]


def test_the_last_way_to_log_in_stays(alice):
    (row,) = listed(alice)
    before = state()
    headers = {"Accept-Language": "en"}
    body = assert_error(alice.delete(f"me/identities/{row['id']}/", headers=headers), "conflict")
    assert "log in" in body["detail"]
    assert state() == before


def test_who_has_a_password_may_remove_the_last(alice):
    user = User.objects.get()
    user.set_password("x")
    user.save()
    (row,) = listed(alice)
    assert alice.delete(f"me/identities/{row['id']}").status_code == 204
    assert_error(alice.get("me/"), "invalid_token")


def test_what_is_not_ones_own_is_not_there(alice, bob):
    before = state()
    identity = Identity.objects.get(person=bob.login.person_id)
    for key in (identity.pk, 999_999_999):
        assert_error(alice.delete(f"me/identities/{key}/"), "not_found")
    assert state() == before


def test_where_the_project_says_so_unlinking_ends_the_other_logins(
    fake_wechat, alice, two_platforms, configure
):
    link(alice)
    other = Phone(fake_wechat, "alice")
    configure(LINK_ENDS_OTHERS=True)
    _, second = listed(alice)
    assert alice.delete(f"me/identities/{second['id']}/").status_code == 204
    assert alice.get("me/").status_code == 200
    assert_error(other.get("me/"), "invalid_token")


def test_no_answer_tells_an_openid(alice, two_platforms):
    texts = [link(alice).content.decode(), alice.get("me/identities/").content.decode()]
    secrets = [
        *OpenId.objects.values_list("openid", flat=True),
        *filter(None, Identity.objects.values_list("unionid", flat=True)),
    ]
    assert secrets
    assert not [secret for secret in secrets for text in texts if secret in text]
