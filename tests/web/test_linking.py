"""Adding WeChat to an account with a password: on purpose, and for the one who began it."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.api.phone import Phone
from wxauth.models import Event, Login, OpenId

from .people import SITE, codes, state_of

pytestmark = pytest.mark.django_db

LINK = f"/wechat/link/{SITE}/"
PASSWORD = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def carol(browser):
    """carol has a password, and is logged in by it."""
    user = get_user_model().objects.create_user("carol", password="x")
    browser.client.force_login(user, backend=PASSWORD)
    return user


def link(browser, person="alice", path="/cart/"):
    address = browser.client.post(LINK, {"next": path}).url
    return browser.fake.consent(browser.client, address, person)


def test_carol_adds_her_wechat_and_comes_in_by_it(browser, another, carol):
    assert link(browser).url == "/cart/"
    assert browser.who() == str(carol.pk)
    # Her browser stands on the password, as before.
    assert Login.objects.count() == 0
    assert Event.objects.get().kind == "linked"
    another.log_in("alice")
    assert another.who() == str(carol.pk)


def test_what_is_somebody_elses_stays_theirs(browser, another, carol):
    another.log_in("alice")
    assert codes(link(browser)) == (409, "conflict")
    assert browser.who() == str(carol.pk)
    assert OpenId.objects.get().identity.person_id != carol.pk


def test_a_second_wechat_account_in_the_same_app_is_a_conflict(browser, carol):
    link(browser, "alice")
    assert codes(link(browser, "bob")) == (409, "conflict")


def test_nobody_links_without_being_logged_in(browser):
    answer = browser.client.post(LINK)
    assert codes(answer) == (401, "not_authenticated")
    assert "sessionid" not in browser.client.cookies


def test_another_site_cannot_begin_it(browser, carol):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.client.cookies
    assert strict.post(LINK).status_code == 403
    assert browser.client.get(LINK).status_code == 405


def test_another_site_cannot_end_it_either(browser, another, carol, fake_wechat):
    """Forced linking: eve's code in carol's browser would let eve in as carol."""
    dave = get_user_model().objects.create_user("dave")
    another.client.force_login(dave, backend=PASSWORD)
    state = state_of(another.client.post(LINK))
    code = fake_wechat.oauth2_code("eve", SITE)
    answer = browser.get(f"/wechat/callback/?code={code}&state={state}")
    # carol is logged in, so she is sent on; nothing was exchanged.
    assert answer.status_code == 302
    assert fake_wechat.calls == []
    assert OpenId.objects.count() == 0


def test_it_is_bound_to_the_user_who_began_it(browser, carol):
    address = browser.client.post(LINK).url
    session = browser.client.session
    kept = session["_wxauth_states"]
    dave = get_user_model().objects.create_user("dave")
    browser.client.force_login(dave, backend=PASSWORD)
    session = browser.client.session
    session["_wxauth_states"] = kept
    session.save()
    answer = browser.fake.consent(browser.client, address, "alice")
    assert codes(answer) == (400, "invalid_state")
    assert OpenId.objects.count() == 0


def test_linking_may_end_the_other_devices_and_keeps_this_browser(
    browser, another, configure, fake_wechat
):
    configure(LINK_ENDS_OTHERS=True)
    phone = Phone(fake_wechat, "alice")
    browser.log_in("alice")
    link(browser)
    assert browser.who() == str(phone.row.pk)
    assert phone.get("me/").status_code == 401


def test_staff_may_link_and_still_need_their_password(browser, another, carol):
    carol.is_staff = True
    carol.save()
    assert link(browser).status_code == 302
    assert codes(another.log_in("alice")) == (403, "staff_refused")


def test_the_csrf_page_is_djangos_own(browser, carol):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.client.cookies
    token = "a" * 32
    strict.cookies["csrftoken"] = token
    answer = strict.post(LINK, {"csrfmiddlewaretoken": token})
    assert answer.status_code == 302
