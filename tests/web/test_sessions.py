"""A browser is out at its next request when its login has ended, with every session engine."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from tests.api.phone import Phone
from tests.statements import capture_statements
from wxauth import people
from wxauth.models import Login, Person

from .people import ACCOUNT, SITE, codes

pytestmark = pytest.mark.django_db

ENGINES = ("db", "cache", "signed_cookies")


@pytest.fixture(params=ENGINES)
def engine(request, settings):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"


def end_by_the_staff(person):
    Login.objects.filter(person=person).revoke(timezone.now())


def expire(person):
    Login.objects.filter(person=person).update(expires_at=timezone.now() - timedelta(seconds=1))


def block_person(person):
    Person.objects.filter(pk=person.pk).update(blocked_at=timezone.now())


def deactivate(person):
    get_user_model().objects.filter(pk=person.pk).update(is_active=False)


def promote(person):
    get_user_model().objects.filter(pk=person.pk).update(is_staff=True)


def merge(person):
    other = get_user_model().objects.create_user("other")
    people.merge(source=person.user, target=other, actor=other)


def delete(person):
    person.user.delete()


def unlink(person):
    person.identities.all().delete()


def give_the_openid_to_somebody_else(person):
    other = Person.objects.create(
        user=get_user_model().objects.create_user("other"), created_at=timezone.now()
    )
    person.identities.update(person=other)


ENDINGS = [
    end_by_the_staff,
    expire,
    block_person,
    deactivate,
    promote,
    merge,
    delete,
    unlink,
    give_the_openid_to_somebody_else,
]


@pytest.mark.parametrize("end", ENDINGS, ids=lambda end: end.__name__)
@pytest.mark.usefixtures("engine")
def test_a_browser_is_out_at_its_next_request(browser, end):
    browser.log_in()
    browser.get("/cart/?add=tea")
    assert browser.who() == str(browser.person.pk)
    end(browser.person)
    assert browser.who() is None
    # And what this user had collected is not for the next one.
    assert browser.get("/cart/").json() == {"cart": []}


@pytest.mark.usefixtures("engine")
def test_a_visitor_keeps_the_cart_and_another_user_does_not_get_it(browser):
    browser.get("/cart/?add=tea")
    browser.log_in("alice")
    assert browser.get("/cart/").json() == {"cart": ["tea"]}
    browser.log_in("bob")
    assert browser.who() == str(browser.person.pk)
    assert browser.get("/cart/").json() == {"cart": []}


@pytest.mark.usefixtures("engine")
def test_alices_phone_ends_her_browser(browser, fake_wechat):
    phone = Phone(fake_wechat, "alice")
    browser.log_in()
    (row,) = [row for row in phone.get("me/logins/").json() if not row["current"]]
    assert row["app"] == SITE
    assert phone.delete(f"me/logins/{row['id']}/").status_code == 204
    assert browser.who() is None
    assert phone.me()


def test_who_logs_out_of_the_browser_is_off_the_list(browser):
    browser.log_in()
    browser.get("/leave/")
    assert browser.who() is None
    assert Login.objects.get().revoked_at is not None


def test_asynchronous_views_see_the_same(browser):
    browser.log_in()
    assert browser.get("/who/async/").json()["user"] == str(browser.person.pk)
    end_by_the_staff(browser.person)
    assert browser.get("/who/async/").json()["user"] is None


def test_only_who_asks_for_the_user_pays_one_select_more(browser, client):
    user = get_user_model().objects.create_user("carol", password="x")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    browser.log_in()
    costs = {}
    for name, path in (("nothing", "/plain/"), ("user", "/who/")):
        for who, by in (("password", client), ("wechat", browser)):
            with capture_statements() as statements:
                by.get(path)
            costs[who, name] = len(statements)
    assert costs["password", "nothing"] == costs["wechat", "nothing"] == 0
    # The session, the user; and of WeChat's the login.
    assert costs["password", "user"] == 2
    assert costs["wechat", "user"] == 3


def test_a_session_that_names_our_backend_without_a_login_is_nobodys(browser, client):
    browser.log_in()
    client.force_login(browser.person.user, backend="wxauth.backends.WeChatBackend")
    assert client.get("/who/").json()["user"] is None


def test_a_password_session_of_the_same_user_is_none_of_our_business(browser, client):
    browser.log_in()
    client.force_login(browser.person.user, backend="django.contrib.auth.backends.ModelBackend")
    end_by_the_staff(browser.person)
    assert client.get("/who/").json()["user"] == str(browser.person.pk)


def test_the_api_neither_reads_nor_sets_a_cookie(browser, fake_wechat):
    browser.log_in()
    assert browser.get("/api/wxauth/me/").status_code == 401
    phone = Phone(fake_wechat, "alice")
    phone.client.cookies = browser.client.cookies
    answer = phone.post("logout/")
    assert answer.status_code == 204
    assert browser.who()


def test_django_is_told_once_of_a_login(browser, django_capture_on_commit_callbacks):
    from django.contrib.auth.signals import user_logged_in

    from wxauth.signals import logged_in, signed_up

    heard = []

    def hear(signal, **kwargs):
        heard.append(signal)

    for signal in (user_logged_in, logged_in, signed_up):
        signal.connect(hear, weak=False, dispatch_uid="test")
    try:
        with django_capture_on_commit_callbacks(execute=True):
            browser.log_in()
    finally:
        for signal in (user_logged_in, logged_in, signed_up):
            signal.disconnect(dispatch_uid="test")
    assert sorted(map(id, heard)) == sorted(map(id, [user_logged_in, logged_in, signed_up]))


STAFF = (403, "staff_refused")


@pytest.fixture
def staff(browser, fake_wechat):
    """alice, who has signed up on her phone and works here."""
    phone = Phone(fake_wechat, "alice")
    promote(phone.row)
    return phone


@pytest.mark.parametrize("appid", [SITE, ACCOUNT])
def test_wechat_alone_does_not_let_staff_in(browser, staff, appid, assert_nothing_written):
    assert codes(browser.log_in("alice", appid)) == STAFF
    assert browser.who() is None


def test_a_silent_login_of_staff_is_none(browser, staff):
    assert codes(browser.log_in("alice", ACCOUNT, "scope=base")) in (STAFF, (302, ""))
    assert browser.who() is None


def test_staff_come_in_where_the_project_says_so(browser, staff, configure):
    configure(STAFF="alone")
    browser.log_in()
    assert browser.who() == staff.me()["id"]
    configure(STAFF="refuse")
    assert browser.who() is None


def test_a_password_session_becomes_no_wechat_session_silently(browser, client, fake_wechat):
    carol = get_user_model().objects.create_user("carol", password="x")
    browser.client.force_login(carol, backend="django.contrib.auth.backends.ModelBackend")
    Phone(fake_wechat, "alice")
    browser.log_in("alice", ACCOUNT, "scope=base")
    assert browser.who() == str(carol.pk)
    assert browser.openid() == fake_wechat.person("alice").openid(ACCOUNT)


def test_the_projects_own_code_ends_browsers_as_well(browser):
    browser.log_in()
    people.end_logins(browser.person.user)
    assert browser.who() is None
