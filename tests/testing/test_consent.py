"""The fake's pages for browsers, which refuse as WeChat's own do."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from wxauth.testing import FakeWeChat
from wxauth.testing.consent import IN_WECHAT, QR, NotShown

SITE, ACCOUNT, PHONE = "wx00000000000000a1", "wx00000000000000a2", "wx00000000000000a3"
BACK = "https://www.example.com/wechat/callback/"
WECHAT = {"user-agent": "… MicroMessenger/8.0", "accept-language": "en"}


@pytest.fixture
def fake():
    fake = FakeWeChat()
    fake.add_app(SITE, "s", kind="website", domain="www.example.com")
    fake.add_app(ACCOUNT, "s", kind="officialaccount", domain="www.example.com")
    fake.add_app(PHONE, "s")
    return fake


def ask(appid=SITE, scope="snsapi_login", **changes):
    asked = {"appid": appid, "redirect_uri": BACK, "response_type": "code", "scope": scope}
    return {**asked, "state": "a1B2", **changes}


def test_what_is_asked_rightly_comes_back_with_a_code_and_the_state(fake):
    back = fake.agree(fake.open_page(QR, ask()), "alice")
    query = parse_qs(urlsplit(back).query)
    assert back.startswith(f"{BACK}?")
    assert query["state"] == ["a1B2"]
    params = {"appid": SITE, "secret": "s", "code": query["code"][0]}
    params["grant_type"] = "authorization_code"
    answer = fake.answer("/sns/oauth2/access_token", params)
    assert answer["openid"] == fake.person("alice").openid(SITE)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/connect/nowhere", ask()),
        (QR, ask("wxnobody")),
        (QR, ask(PHONE)),
        (QR, ask(ACCOUNT)),
        (QR, ask(scope="snsapi_base")),
        (IN_WECHAT, ask(ACCOUNT, scope="snsapi_login")),
        (IN_WECHAT, ask(scope="snsapi_userinfo")),
        (QR, ask(response_type="token")),
        (QR, ask(redirect_uri="")),
        (QR, ask(redirect_uri="https://example.com/")),
        (QR, ask(redirect_uri="https://www.example.com.evil.example/")),
        (QR, ask(redirect_uri="ftp://www.example.com/")),
        (QR, ask(redirect_uri=f"{BACK}#/login")),
        (QR, ask(redirect_uri=f"{BACK}?next=/")),
        (IN_WECHAT, ask(ACCOUNT, "snsapi_base", state="a" * 129)),
        (IN_WECHAT, ask(ACCOUNT, "snsapi_base", state="a-b")),
    ],
)
def test_what_wechat_does_not_open_is_not_opened(fake, path, asked):
    with pytest.raises(NotShown):
        fake.open_page(path, asked)
    assert fake.connect(f"{path}?{urlencode(asked)}", WECHAT).status == 400


def test_a_person_presses_a_button(fake):
    target = f"{QR}?{urlencode(ask())}"
    page = fake.connect(target, WECHAT)
    assert page.status == 200
    assert b"Confirm as" in page.body
    assert "确认登录".encode() in fake.connect(target, {"accept-language": "zh-CN"}).body
    yes = fake.connect(f"{target}&person=alice", WECHAT)
    assert (yes.status, yes.location.startswith(f"{BACK}?code=")) == (302, True)
    assert fake.connect(f"{target}&refuse=1", WECHAT).location == f"{BACK}?state=a1B2"


def test_inside_wechat_only(fake):
    target = f"{IN_WECHAT}?{urlencode(ask(ACCOUNT, 'snsapi_userinfo'))}"
    assert "请在微信客户端打开链接".encode() in fake.connect(target, {"user-agent": "Chrome"}).body
    assert b"Confirm as" in fake.connect(target, WECHAT).body


def test_silently_it_is_who_was_chosen_in_this_browser_before(fake):
    target = f"{IN_WECHAT}?{urlencode(ask(ACCOUNT, 'snsapi_base'))}"
    for cookie, name in (("", "default"), ("person=alice", "alice"), ("person=x", "default")):
        back = fake.connect(target, {**WECHAT, "cookie": cookie}).location
        code = parse_qs(urlsplit(back).query)["code"][0]
        params = {"appid": ACCOUNT, "secret": "s", "code": code}
        params["grant_type"] = "authorization_code"
        answer = fake.answer("/sns/oauth2/access_token", params)
        assert answer["openid"] == fake.person(name).openid(ACCOUNT)


def test_whatever_a_person_is_called_is_no_markup(fake):
    fake.add_person('"><script>', nickname="<b>&")
    body = fake.connect(f"{QR}?{urlencode(ask())}", WECHAT).body
    assert b"<script>" not in body
    assert b"<b>" not in body
