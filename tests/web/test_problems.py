"""What goes wrong is a page, in both languages, with the codes of the API; JSON for who asks."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from django.core.signals import got_request_exception
from django.template.loader import get_template
from django.test import Client

from tests.api.contract import CONTRACT
from wxauth.testing import faults

from .people import ACCOUNT, SITE, START, codes

pytestmark = pytest.mark.django_db

JSON = {"Accept": "application/json"}


def test_who_says_no_gets_a_page_with_two_ways_on(browser, fake_wechat, assert_nothing_written):
    address = browser.get(f"{START[ACCOUNT]}?next=/cart/").url
    answer = fake_wechat.consent(browser.client, address, "alice", refuse=True)
    assert codes(answer) == (403, "cancelled")
    text = answer.content.decode()
    assert f'href="{START[ACCOUNT]}?next=%2Fcart%2F&amp;scope="' in text
    assert 'href="/cart/"' in text


@pytest.mark.parametrize(
    ("language", "title", "words"),
    [("zh-CN", "操作未完成", "你没有同意用微信登录"), ("en", "This did not work", "did not agree")],
)
def test_it_speaks_the_readers_language(browser, fake_wechat, language, title, words):
    headers = {"Accept-Language": language}
    address = browser.get(START[SITE]).url
    state = address.partition("state=")[2].partition("#")[0]
    answer = browser.get(f"/wechat/callback/?state={state}", headers=headers)
    text = answer.content.decode()
    assert title in text
    assert words in text
    assert f'<html lang="{"zh-hans" if language.startswith("zh") else "en"}">' in text


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("*/*", "text/html"),
        ("", "text/html"),
        ("application/json", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
    ],
)
def test_a_script_gets_json(browser, accept, kind):
    answer = browser.get("/wechat/callback/", headers={"Accept": accept})
    assert answer["Content-Type"].partition(";")[0] == kind
    assert codes(answer) == (400, "invalid_state")
    if kind == "application/json":
        assert set(answer.json()) == {"code", "detail", "action"}


def test_a_page_lets_nothing_in_and_tells_nobody_its_address(browser):
    answer = browser.get("/wechat/callback/?code=SECRETCODE&state=SECRETSTATE")
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Frame-Options"] == "DENY"
    text = answer.content.decode()
    assert "SECRET" not in text
    policy = re.search('Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'; style-src http:")
    assert "http://testserver/static/wxauth/web.css" in policy
    assert "<script" not in text
    assert "style=" not in text
    assert "<style" not in text


def test_a_project_may_show_its_own(browser, settings, tmp_path):
    page = tmp_path / "wxauth" / "web" / "problem.html"
    page.parent.mkdir(parents=True)
    page.write_text("<h1>Tea shop</h1>{{ code }}")
    template = settings.TEMPLATES[0]
    settings.TEMPLATES = [{**template, "DIRS": [tmp_path, *template["DIRS"]]}]
    assert browser.get("/wechat/callback/").content == b"<h1>Tea shop</h1>invalid_state"
    assert get_template("wxauth/web/problem.html")


#: What WeChat answers to the exchange → what the browser gets. Whatever it is, the code is gone.
FAULTS = [
    (faults.Errcode(40163), "code_used"),
    (faults.Errcode(40029), "invalid_code"),
    (faults.Errcode(42003), "invalid_code"),
    (faults.Errcode(40013), "misconfigured"),
    (faults.Errcode(40125), "misconfigured"),
    (faults.Errcode(48001), "misconfigured"),
    (faults.Errcode(-1), "wechat_unavailable"),
    (faults.Errcode(45011), "rate_limited"),
    (faults.Errcode(40226), "blocked"),
    (faults.html(), "wechat_unavailable"),
    (faults.html(200), "wechat_bad_response"),
    (faults.empty(), "wechat_bad_response"),
    (faults.not_json(), "wechat_bad_response"),
    (faults.Redirect("http://127.0.0.1:9/"), "wechat_bad_response"),
    (faults.TooLong(), "wechat_bad_response"),
    (faults.Fields(missing=["openid"]), "wechat_bad_response"),
    (faults.Fields({"openid": 5}), "wechat_bad_response"),
    (faults.Fields({"unionid": "a b"}), "wechat_bad_response"),
    (faults.Fields({"is_snapshotuser": 1}), "snapshot"),
]


@pytest.mark.parametrize(("fault", "code"), FAULTS, ids=repr)
@pytest.mark.parametrize("door", [(SITE, ""), (ACCOUNT, ""), (ACCOUNT, "scope=base")], ids=repr)
def test_whatever_wechat_answers_nobody_is_logged_in_and_the_state_is_dead(
    browser, fake_wechat, fault, code, door, assert_nothing_written
):
    appid, query = door
    address = browser.get(f"{START[appid]}?{query}").url
    fake_wechat.faults.add(fault, path=faults.OAUTH2)
    answer = fake_wechat.consent(browser.client, address, "alice")
    status, _ = CONTRACT[code]
    assert codes(answer) == (status, code)
    assert browser.who() is None
    assert codes(fake_wechat.consent(browser.client, address, "alice")) == (400, "invalid_state")


@pytest.mark.parametrize(("fault", "code"), FAULTS, ids=repr)
def test_whatever_wechat_answers_nothing_is_linked(
    browser, fake_wechat, fault, code, count_rows, django_user_model
):
    carol = django_user_model.objects.create_user("carol")
    browser.client.force_login(carol, backend="django.contrib.auth.backends.ModelBackend")
    before = count_rows()
    address = browser.client.post(f"/wechat/link/{SITE}/").url
    fake_wechat.faults.add(fault, path=faults.OAUTH2)
    status, _ = CONTRACT[code]
    assert codes(fake_wechat.consent(browser.client, address, "alice")) == (status, code)
    # The state is dead: who is logged in is sent on, and nothing is exchanged.
    asked = len(fake_wechat.calls)
    assert fake_wechat.consent(browser.client, address, "alice").status_code == 302
    assert len(fake_wechat.calls) == asked
    assert count_rows() == before
    assert browser.who() == str(carol.pk)


@pytest.mark.parametrize(("fault", "code"), FAULTS, ids=repr)
def test_whatever_wechat_answers_who_is_logged_in_stays_so(
    browser, fake_wechat, fault, code, count_rows
):
    browser.log_in("alice", SITE)
    who, before = browser.who(), count_rows()
    fake_wechat.faults.add(fault, path=faults.OAUTH2)
    status, _ = CONTRACT[code]
    # Silent, for the openid alone.
    assert codes(browser.log_in("alice", ACCOUNT, "scope=base")) == (status, code)
    assert (browser.who(), browser.openid(), count_rows()) == (who, None, before)


@pytest.mark.parametrize(
    ("appid", "query"),
    [
        (SITE, ""),
        pytest.param(ACCOUNT, "", marks=pytest.mark.waits),
        pytest.param(ACCOUNT, "scope=base", marks=pytest.mark.waits),
    ],
)
def test_a_wechat_that_is_silent_is_given_up(
    browser, fake_wechat, impatient, appid, query, assert_nothing_written
):
    address = browser.get(f"{START[appid]}?{query}").url
    fake_wechat.faults.add(faults.Slow(3), path=faults.OAUTH2)
    answer = fake_wechat.consent(browser.client, address, "alice")
    assert codes(answer) == (504, "wechat_timeout")
    assert (browser.who(), browser.openid()) == (None, None)
    assert codes(fake_wechat.consent(browser.client, address, "alice")) == (400, "invalid_state")


@pytest.mark.parametrize(
    "fault", [faults.Errcode(48001), faults.Errcode(-1), faults.html(), faults.empty()], ids=repr
)
def test_without_a_nickname_she_is_logged_in_all_the_same(browser, fake_wechat, fault):
    fake_wechat.faults.add(fault, path=faults.USER_INFO, times=None)
    assert browser.log_in().status_code == 302
    assert browser.who()


def test_a_bug_is_told_without_the_address(browser, fake_wechat, monkeypatch, caplog):
    def fail(**kwargs):
        raise ZeroDivisionError

    heard = []
    monkeypatch.setattr("wxauth.services.login.by_callback.log_in", fail)
    got_request_exception.connect(
        lambda **kwargs: heard.append(kwargs["sender"].__name__), weak=False, dispatch_uid="test"
    )
    browser.client.raise_request_exception = False
    try:
        assert codes(browser.log_in()) == (500, "internal_error")
    finally:
        got_request_exception.disconnect(dispatch_uid="test")
    assert heard == ["CallbackView"]
    assert "state=" not in caplog.text


def test_the_log_says_who_came_and_no_secret(browser, fake_wechat, caplog):
    caplog.set_level("DEBUG")
    address = browser.get(START[SITE]).url
    code = fake_wechat.oauth2_code("alice", SITE)
    state = address.partition("state=")[2].partition("#")[0]
    browser.get(f"/wechat/callback/?code={code}&state={state}")
    lines = [r for r in caplog.records if r.name == "wxauth.access"]
    assert [(r.path, r.status, r.appid) for r in lines] == [
        ("start", 302, SITE),
        ("callback", 302, SITE),
    ]
    assert lines[-1].user == str(browser.person.pk)
    # Django warns of what follows, and hands its handlers the request.
    session = browser.client.cookies["sessionid"].value
    assert Client().get(f"/wechat/callback/?code={code}&state={state}").status_code == 400
    everything = "\n".join(str(vars(record)) for record in caplog.records)
    assert "django.request" in {record.name for record in caplog.records}
    for secret in (code, state, session, "secret-of-the-site"):
        assert secret not in everything


@pytest.mark.parametrize("path", ["enter/", f"link/{SITE}/"])
def test_a_form_of_any_size_is_refused_by_django(browser, path, settings, assert_nothing_written):
    form = {"ticket": "x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)}
    kind = "application/x-www-form-urlencoded"
    answer = browser.client.post(f"/wechat/{path}", urlencode(form), kind)
    assert answer.status_code == 400
    # Not our answer to a ticket that was read.
    assert "invalid_ticket" not in answer.content.decode()


def test_a_database_that_is_gone_is_a_page(browser, fake_wechat, monkeypatch):
    from django.db import OperationalError

    address = browser.get(START[SITE]).url

    def fail(*args, **kwargs):
        raise OperationalError

    monkeypatch.setattr("wxauth.services.transactions._tell", fail)
    answer = fake_wechat.consent(browser.client, address, "alice")
    assert codes(answer) == (503, "database_unavailable")
    assert answer["Retry-After"]


def test_json_is_offered_to_whoever_asks_the_start_for_it(browser):
    answer = browser.get("/wechat/start/wxnobody/?as=json")
    assert codes(answer) == (400, "unknown_app")
    assert answer["Content-Type"] == "application/json"
    assert browser.get("/wechat/start/wxnobody/", headers=JSON).json()["action"] == "fix"
