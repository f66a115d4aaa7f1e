"""The doors for browsers, walked through in Chromium, against the fake's pages.

``PICTURES=folder pytest -m client tests/web -k pictures`` keeps what is seen.
"""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.miniprogram.conftest import packages, running  # noqa: F401 - fixtures
from tests.miniprogram.servers import Servers, manage
from tests.miniprogram.test_page import chromium  # noqa: F401 - a fixture

pytestmark = pytest.mark.client

WECHAT = "Mozilla/5.0 (Linux; Android 14) Chrome/130 Mobile Safari/537.36 MicroMessenger/8.0.50"
WORDS = {
    "zh-CN": {
        "scan": "微信扫码登录",
        "inside": "在微信里登录",
        "silently": "静默",
        "welcome": "欢迎你，小爱",
        "guest": "你是访客",
        "nobody": "尚未登录",
        "cart": "购物车里的茶：1 份",
        "refuse": "拒绝",
        "refused": "你没有同意用微信登录",
        "snapshot": "以快照页打开",
        "snapped": "使用完整服务",
        "again": "重新开始",
        "out": "退出登录",
        "continue": "继续",
        "old": "此页面打开太久或已经用过",
    },
    "en-US": {
        "scan": "Log in with WeChat's QR code",
        "inside": "Log in inside WeChat",
        "silently": "Silently",
        "welcome": "Welcome, 小爱",
        "guest": "You are a guest",
        "nobody": "Nobody is logged in",
        "cart": "Teas in the cart: 1",
        "refuse": "Refuse",
        "refused": "You did not agree",
        "snapshot": "as a snapshot page",
        "snapped": "使用完整服务",
        "again": "Start again",
        "out": "Log out",
        "continue": "Continue",
        "old": "This page was open too long, or used already",
    },
}


class Tab:
    """One tab, read in one language; it remembers what it complains about."""

    def __init__(self, context: Any, words: dict[str, str], complaints: list[str]) -> None:
        self.page, self.words, self.complaints = context.new_page(), words, complaints
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: complaints.append(str(error)))

    def _hear(self, message: Any) -> None:
        # Chromium itself reports every page whose status is an error; those are on purpose.
        if message.type in {"error", "warning"} and "responded with a status" not in message.text:
            self.complaints.append(message.text)

    def tap(self, word: str) -> Tab:
        self.page.click(f"text={self.words[word]}")
        return self

    def confirm(self, name: str = "alice") -> Tab:
        self.page.click(f"a.first:has-text('({name})')")
        return self

    def see(self, word: str) -> Tab:
        self.page.wait_for_selector(f"main:has-text('{self.words[word]}')")
        return self


@pytest.fixture
def open_tab(chromium: Any, running: Servers) -> Iterator[Any]:  # noqa: F811
    """Opens the shop; nothing may complain until the end of the test."""
    manage("flush", running.environment)
    complaints: list[str] = []
    contexts: list[Any] = []

    def start(
        locale: str = "zh-CN", *, wechat: bool = False, again: bool = False, **kw: Any
    ) -> Tab:
        if not again:
            options = {"user_agent": WECHAT} if wechat else {}
            size = {"width": 390, "height": 844} if wechat else {"width": 1200, "height": 800}
            contexts.append(
                chromium.new_context(**{"locale": locale, "viewport": size, **options, **kw})
            )
            contexts[-1].set_default_timeout(20_000)
        tab = Tab(contexts[-1], WORDS[locale], complaints)
        tab.page.goto(f"{running.backend}/website/")
        return tab

    yield start
    for context in contexts:
        context.close()
    assert complaints == []


languages = pytest.mark.parametrize("locale", WORDS)


@languages
def test_alice_scans_the_code_on_the_website_and_logs_out(open_tab: Any, locale: str):
    tab = open_tab(locale)
    tab.see("nobody").tap("scan").confirm().see("welcome")
    assert tab.page.url.endswith("/website/")
    tab.tap("out").see("nobody")


@languages
def test_a_guest_becomes_a_user_and_keeps_the_cart(open_tab: Any, locale: str):
    tab = open_tab(locale, wechat=True)
    tab.page.click("button")
    tab.see("cart").tap("silently").see("guest").see("cart")
    tab.tap("inside").confirm().see("welcome").see("cart")


@languages
def test_silently_whom_it_knows(open_tab: Any, locale: str):
    tab = open_tab(locale, wechat=True)
    tab.tap("inside").confirm().see("welcome").tap("out").see("nobody")
    tab.tap("silently").see("welcome")


@languages
def test_who_says_no_can_start_again(open_tab: Any, locale: str):
    tab = open_tab(locale, wechat=True)
    tab.tap("inside").tap("refuse").see("refused")
    tab.tap("again").confirm().see("welcome")


@languages
def test_a_snapshot_says_what_to_tap(open_tab: Any, locale: str):
    tab = open_tab(locale, wechat=True)
    tab.tap("inside").tap("snapshot").see("snapped")


def test_the_back_button_ends_where_the_login_did(open_tab: Any, running: Servers):  # noqa: F811
    tab = open_tab()
    back: list[str] = []
    tab.page.on("request", lambda r: back.append(r.url) if "/callback/" in r.url else None)
    tab.tap("scan").confirm().see("welcome")
    tab.page.goto(back[0])
    tab.see("welcome")
    assert tab.page.url == f"{running.backend}/website/"
    tab.page.go_back()
    tab.page.go_back()
    tab.confirm().see("welcome")


def test_two_tabs_at_once(open_tab: Any):
    first = open_tab().tap("scan")
    second = open_tab(again=True).tap("scan")
    first.confirm().see("welcome")
    second.confirm().see("welcome")
    second.tap("out").see("nobody")
    first.page.reload()
    first.see("nobody")


def ask_for_a_ticket(servers: Servers) -> str:
    """What the mini-program of alice is told."""
    with urllib.request.urlopen(f"{servers.sandbox}/sandbox/code?person=alice") as answer:
        code = answer.read().decode()
    token = _post(servers, "login/", {"code": code})["token"]
    url: str = _post(servers, "web-ticket/", {"next": "/website/"}, token)["url"]
    return url


def _post(servers: Servers, path: str, body: dict[str, str], token: str = "") -> Any:
    request = urllib.request.Request(
        f"{servers.backend}/api/wxauth/{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@languages
def test_a_web_view_asks_before_it_goes_on(
    open_tab: Any,
    running: Servers,  # noqa: F811
    locale: str,
):
    tab, url = open_tab(locale, wechat=True), ask_for_a_ticket(running)
    tab.page.goto(url)
    tab.page.click("button.first")
    tab.page.wait_for_url("**/website/")
    tab.page.wait_for_selector("[action='/website/logout/']")
    other = open_tab(locale, wechat=True)
    other.page.goto(url)
    # Whoever got the link later can look at the question, and is told that it is over.
    other.page.click("button.first")
    other.see("old")


AXE = """() => axe.run().then((found) => found.violations
    .filter((one) => ['serious', 'critical'].includes(one.impact))
    .map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' ')}`))"""


@languages
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_pictures_of_pages_that_shut_nobody_out(
    open_tab: Any,
    running: Servers,  # noqa: F811
    packages: Path,  # noqa: F811
    tmp_path: Path,
    locale: str,
    scheme: str,
    width: int,
):
    folder = Path(os.environ.get("PICTURES", tmp_path))
    script = (packages / "axe-core" / "axe.min.js").read_text()
    size = {"width": width, "height": 800}
    # Past our own policy, for axe itself; the others tests obey it.
    tab = open_tab(locale, wechat=True, color_scheme=scheme, viewport=size, bypass_csp=True)

    def look(name: str) -> None:
        tab.page.evaluate(script)
        assert tab.page.evaluate(AXE) == [], name
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
        small = """[...document.querySelectorAll('a, button')]
            .filter((one) => one.offsetHeight < 44).map((one) => one.outerHTML)"""
        assert tab.page.evaluate(small) == []
        lang = tab.page.get_attribute("html", "lang")
        assert lang.startswith(locale[:2])
        tab.page.screenshot(path=folder / f"{name}-{locale}-{scheme}-{width}.png")

    look("shop")
    tab.tap("inside")
    look("wechat")
    tab.tap("refuse").see("refused")
    look("refused")
    tab.tap("again").tap("snapshot").see("snapped")
    look("snapshot")
    tab.page.goto(ask_for_a_ticket(running))
    look("enter")
    ink, page = tab.page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    bright = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, page)]
    assert (bright[0] > bright[1]) == (scheme == "dark")
