"""A state binds what comes back to the browser that asked for it, once."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session

from wxauth.exceptions import WeChatTimeout
from wxauth.testing import faults
from wxauth.web import states

from .people import ACCOUNT, SITE, START, codes, state_of

pytestmark = pytest.mark.django_db

CALLBACK = "/wechat/callback/"
ENDED = (400, "invalid_state")


@pytest.fixture
def asked(fake_wechat):
    """What WeChat asks bob: nobody but the tests exchanges a code."""
    before = len(fake_wechat.calls)
    return lambda: [call.path for call in fake_wechat.calls[before:]]


def test_eve_cannot_log_alice_in_as_herself(browser, another, fake_wechat, asked):
    """Login CSRF: the address of her callback, opened by somebody else."""
    code = fake_wechat.oauth2_code("eve", SITE)
    state = state_of(another.get(START[SITE]))
    assert codes(browser.get(f"{CALLBACK}?code={code}&state={state}")) == ENDED
    assert browser.who() is None
    assert asked() == []
    # Eve herself still can.
    assert another.get(f"{CALLBACK}?code={code}&state={state}").status_code == 302


@pytest.mark.parametrize("query", ["", "state=", "state=x", "state=%00", "state=" + "a" * 9000])
def test_without_a_state_of_this_browser_nothing_is_exchanged(
    browser, fake_wechat, asked, query, assert_nothing_written
):
    browser.get(START[SITE])
    code = fake_wechat.oauth2_code("eve", SITE)
    assert codes(browser.get(f"{CALLBACK}?code={code}&{query}")) == ENDED
    assert asked() == []


def test_a_state_is_used_once_even_where_the_login_failed(browser, fake_wechat):
    state = state_of(browser.get(f"{START[SITE]}?next=/cart/"))
    assert codes(browser.get(f"{CALLBACK}?code=nonsense&state={state}")) == (400, "invalid_code")
    code = fake_wechat.oauth2_code("alice", SITE)
    answer = browser.get(f"{CALLBACK}?code={code}&state={state}")
    assert codes(answer) == ENDED
    # The button begins anew, and still knows where to.
    assert f"{START[SITE]}?next=%2Fcart%2F" in answer.content.decode()


def test_a_state_is_gone_before_the_code_is_sent(browser, fake_wechat, monkeypatch):
    state = state_of(browser.get(START[SITE]))
    seen = []

    def exchange(**kwargs):
        (row,) = Session.objects.all()
        seen.append(row.get_decoded()[states.KEY][state]["used"])
        raise WeChatTimeout

    monkeypatch.setattr("wxauth.services.login.by_callback.exchange", exchange)
    assert codes(browser.get(f"{CALLBACK}?code=x&state={state}")) == (504, "wechat_timeout")
    assert seen == [True]


def test_after_ten_minutes_it_is_too_late(browser, fake_wechat, monkeypatch):
    state = state_of(browser.get(START[SITE]))
    now = states.time.time()
    monkeypatch.setattr(states.time, "time", lambda: now + states.LIFE + 1)
    code = fake_wechat.oauth2_code("alice", SITE)
    assert codes(browser.get(f"{CALLBACK}?code={code}&state={state}")) == ENDED


def test_five_tabs_are_remembered_and_the_sixth_pushes_the_first_out(browser, fake_wechat):
    opened = [state_of(browser.get(START[SITE])) for _ in range(states.MOST + 1)]
    code = fake_wechat.oauth2_code("alice", SITE)
    assert codes(browser.get(f"{CALLBACK}?code={code}&state={opened[0]}")) == ENDED
    assert browser.get(f"{CALLBACK}?code={code}&state={opened[1]}").status_code == 302


def test_two_tabs_come_back_one_after_the_other(browser, fake_wechat):
    first = browser.get(f"{START[SITE]}?next=/one/").url
    second = browser.get(f"{START[SITE]}?next=/two/").url
    assert fake_wechat.consent(browser.client, second, "alice").url == "/two/"
    assert fake_wechat.consent(browser.client, first, "alice").url == "/one/"
    assert browser.who()


def test_the_back_button_leads_on_and_not_into_an_error(browser, fake_wechat, asked):
    state = state_of(browser.get(f"{START[SITE]}?next=/cart/"))
    back = f"{CALLBACK}?code={fake_wechat.oauth2_code('alice', SITE)}&state={state}"
    assert browser.get(back).url == "/cart/"
    assert asked() == ["/sns/oauth2/access_token", "/sns/userinfo"]
    for _ in range(2):
        assert browser.get(back).url == "/cart/"
    assert len(asked()) == 2
    # And with a state that is long forgotten, to the place for everybody.
    assert browser.get(f"{CALLBACK}?code=x&state=y").url == "/website/"


def test_the_app_comes_from_the_state_so_codes_are_not_mixed_up(browser, fake_wechat):
    state = state_of(browser.get(START[SITE]))
    code = fake_wechat.oauth2_code("alice", ACCOUNT)
    answer = browser.get(f"{CALLBACK}?code={code}&state={state}&appid={ACCOUNT}")
    assert codes(answer) == (400, "invalid_code")
    assert fake_wechat.calls[-1].params["appid"] == SITE
    assert browser.who() is None


@pytest.mark.parametrize("on", [False, True])
def test_the_headers_of_a_gateway_mean_nothing_to_a_browser(
    browser, fake_wechat, configure, monkeypatch, on, asked, assert_nothing_written
):
    monkeypatch.setenv("CBR_ENV_ID", "prod-1a2b3c")
    configure(CLOUD=on)
    headers = fake_wechat.cloud_headers("alice")
    state = state_of(browser.get(START[SITE], headers=headers))
    # As if alice had said no: a header is no code.
    answer = browser.get(f"{CALLBACK}?state={state}", headers=headers)
    assert codes(answer) == (403, "cancelled")
    assert codes(browser.get(f"{CALLBACK}?state=x", headers=headers)) == ENDED
    assert codes(browser.get("/wechat/enter/", headers=headers)) == (400, "invalid_ticket")
    assert browser.client.post(f"/wechat/link/{SITE}/", headers=headers).status_code == 401
    assert browser.get("/who/", headers=headers).json() == {"user": None, "openid": None}
    assert asked() == []


def test_the_session_has_another_key_after_the_login(browser):
    browser.get("/cart/?add=tea")
    before = browser.client.cookies["sessionid"].value
    browser.log_in()
    assert browser.client.cookies["sessionid"].value != before
    # Whoever planted the first one has nothing.
    assert not Session.objects.filter(session_key=before).exists()


def test_a_session_that_ends_meanwhile_ends_the_state_too(browser, fake_wechat, monkeypatch):
    address = browser.get(START[SITE]).url
    take = states._rows

    def slowly(session):
        rows = take(session)
        Session.objects.all().delete()
        return rows

    monkeypatch.setattr(states, "_rows", slowly)
    assert codes(fake_wechat.consent(browser.client, address, "alice")) == ENDED


GOOD = ["/", "/a/b/", "/a?b=c&d=%2F", "/#/route", "/" + "a" * 499, "/a//b", "/@x"]
BAD = [
    "",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "https://evil.example/",
    "HTTPS:evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "@evil.example",
    " /x",
    "/x y",
    "/x\r\nSet-Cookie: a=b",
    "/x\x00",
    "/微信",
    "/" + "a" * 500,
    "/" + "a" * 10_000,
]


@pytest.mark.parametrize("path", GOOD)
def test_next_is_a_path_of_this_site(browser, fake_wechat, path):
    answer = browser.client.get(START[SITE], {"next": path})
    assert fake_wechat.consent(browser.client, answer.url, "alice")["Location"] == path


@pytest.mark.parametrize("path", BAD, ids=lambda path: ascii(path)[:30])
def test_everything_else_is_the_default(browser, fake_wechat, path, settings):
    settings.LOGIN_REDIRECT_URL = "/home/"
    answer = browser.client.get(START[SITE], {"next": path})
    assert fake_wechat.consent(browser.client, answer.url, "alice")["Location"] == "/home/"


@pytest.mark.parametrize("fault", [faults.Errcode(40163), faults.Errcode(40029)])
def test_a_code_that_was_used_while_somebody_is_logged_in_changes_nothing(
    browser, fake_wechat, fault
):
    browser.log_in()
    before = browser.who()
    fake_wechat.faults.add(fault, path=faults.OAUTH2)
    assert browser.log_in().status_code == 400
    assert browser.who() == before
