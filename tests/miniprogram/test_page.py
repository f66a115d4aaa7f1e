"""The simulated phone, clicked through in Chromium.

``PICTURES=docs/images pytest -m client -k pictures`` makes the pictures of the documentation anew;
``pngquant --quality 80-98`` makes them small.
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

from .conftest import find_program, missing
from .servers import Servers, manage

pytestmark = pytest.mark.client

COFFEE, BOOKS, CLINIC = (f"wx5a4db0c0ffee000{n}" for n in (1, 2, 3))
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Phone:
    """The page, as somebody uses it."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        with urllib.request.urlopen(f"{url}/phone/config.json") as answer:
            port = json.load(answer)["browser"]["port"]
        self.browser = f"{url.rpartition(':')[0]}:{port}"
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._watch)
        page.goto(url)
        page.wait_for_selector("html[data-ready]")

    def _hear(self, message: Any) -> None:
        # Chromium itself reports every refusal of the project; those are what the page shows.
        where = str(message.location.get("url", ""))
        shown = "/backend/" in where or where.startswith(f"{self.browser}/wechat/callback/")
        refused = "the server responded with a status of" in message.text and shown
        if message.type in {"error", "warning"} and not refused:
            self.complaints.append(f"{message.text} ({where})")

    def _watch(self, request: Any) -> None:
        if not request.url.startswith((self.url, f"{self.browser}/", "data:", "blob:")):
            self.complaints.append(f"request to {request.url}")

    def tap(self, *names: str) -> Phone:
        for name in names:
            self.start(name)
            self.page.wait_for_selector(".busy", state="detached")
        return self

    def start(self, name: str) -> None:
        """Tap, and do not wait for the answers."""
        self.page.click(f"[data-do='{name}']")

    def toast(self, text: str) -> None:
        self.page.wait_for_selector(f".toast:has-text('{text}')")

    def sign_up(self) -> Phone:
        self.tap("orders").page.check("[data-do=agree]")
        self.tap("plain-login")
        self.toast("注册成功")
        return self

    def requests(self) -> list[str]:
        """Path and action of each request, in order."""
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('.request')]"
            ".every(one => one.querySelector('.action'))"
        )
        return self.page.eval_on_selector_all(
            ".request",
            "all => all.map(one => one.querySelector('.path').textContent + ' '"
            " + one.querySelector('.action').textContent)",
        )

    def people(self, count: int) -> list[str]:
        """What the rows say about each user, once there are so many."""
        self.page.wait_for_function(
            "count => document.querySelectorAll('.rows .person').length === count", arg=count
        )
        return self.page.eval_on_selector_all(
            ".rows .person", "all => all.map(one => one.innerText)"
        )

    def settle(self) -> None:
        """Wait until every request is answered and nothing moves on the page any more."""
        self.requests()
        self.page.evaluate("""() => Promise
            .all([document.fonts.ready, ...document.getAnimations().map((one) => one.finished)])
            .then(() => new Promise((done) => {
                requestAnimationFrame(() => requestAnimationFrame(done))
            }))""")

    def see(self, selector: str, text: str) -> None:
        self.page.wait_for_selector(f"{selector}:has-text('{text}')")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    program = find_program("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        browser.new_context().close()
        yield browser
        browser.close()


@pytest.fixture
def open_phone(chromium: Any, running: Servers) -> Iterator[Any]:
    """Opens the page on an empty database; nothing may complain until the end of the test."""
    manage("flush", running.environment)
    opened = []

    def start(**options: Any) -> Phone:
        context = chromium.new_context(
            **{"locale": "zh-CN", "viewport": {"width": 1440, "height": 900}, **options}
        )
        context.set_default_timeout(20_000)
        opened.append((context, Phone(context.new_page(), running.sandbox)))
        return opened[-1][1]

    yield start
    for context, phone in opened:
        text = phone.page.inner_text("body")
        context.close()
        assert phone.complaints == []
        assert "undefined" not in text
        assert "[object" not in text


@pytest.fixture
def phone(open_phone: Any) -> Phone:
    return open_phone()


def test_a_guest_browses_without_a_request(phone: Phone):
    phone.see(".goods", "燕麦拿铁")
    assert phone.requests() == []
    phone.see(".rows", "还没有人登录过")


def test_alice_logs_in_with_her_number_after_accepting_the_terms(phone: Phone):
    phone.tap("orders")
    assert phone.requests() == ["login/ signup"]
    phone.tap("phone-login")
    phone.see(".agree .remind", "请先勾选")
    assert not phone.page.is_checked("[data-do=agree]")
    phone.page.check("[data-do=agree]")
    phone.tap("phone-login")
    phone.see(".sheet", "138****8001")
    phone.tap("allow")
    phone.toast("注册成功")
    assert phone.requests() == ["login/ signup", "login/ ok"]
    (person,) = phone.people(1)
    assert "+86138****8001" in person
    phone.see(".wechat", "jscode2session")
    # Neither the number nor anything secret is shown beside the phone.
    for panel in ("#timeline", "#rows"):
        phone.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        text = phone.page.inner_text(panel)
        assert "13800138001" not in text
        assert not re.search(r"wxa_[\w-]{6}", text)
        assert not re.search(r"session_key [^•\s]", text)


def test_bob_refuses_and_nothing_is_sent(phone: Phone):
    phone.tap("person-bob").tap("orders").page.check("[data-do=agree]")
    before = phone.requests()
    phone.tap("phone-login", "refuse")
    phone.toast("你拒绝了授权")
    assert phone.requests() == before
    phone.tap("not-now")
    phone.see(".goods", "燕麦拿铁")


def test_one_person_in_two_mini_programs_is_one_user_and_in_a_third_another(phone: Phone):
    phone.sign_up()
    phone.tap(f"app-{BOOKS}", "orders")
    phone.toast("你还没有订单")
    (person,) = phone.people(1)
    assert "同一个用户，不止一个应用" in person
    assert person.count("身份") == 1
    phone.tap(f"app-{CLINIC}").sign_up()
    other, person = phone.people(2)
    assert "喵宠医院" in other
    assert "开放平台乙" in other
    assert "喵宠医院" not in person


def test_the_key_rotates_and_the_number_is_read_all_the_same(phone: Phone):
    phone.sign_up().tap("tab-me", "trouble-rotate", "bind", "allow")
    assert phone.requests()[-1] == "me/phone/ ok"
    phone.toast("手机号已绑定")
    phone.see(".cells", "+86138****8001")


def test_a_code_that_was_used_costs_one_more(phone: Phone):
    phone.tap("trouble-used", "orders")
    assert phone.requests() == ["login/ login", "login/ signup"]
    phone.see(".note", "code_used")
    phone.page.wait_for_selector("[data-do=trouble-used][aria-pressed=false]")


def test_wechat_goes_down_and_the_client_waits_and_recovers(phone: Phone):
    phone.sign_up().tap(f"app-{BOOKS}", "trouble-down")
    phone.start("orders")
    phone.see(".note", "客户端等待 2 秒")
    phone.tap("trouble-down")
    phone.toast("你还没有订单")
    actions = phone.requests()
    assert actions[-3:] == ["login/ retry", "login/ ok", "me/ ok"]


def test_a_slow_wechat_is_seen_waiting(phone: Phone):
    phone.tap("trouble-slow")
    phone.start("orders")
    phone.see(".wechat", "慢")
    phone.page.wait_for_selector(".request.open")
    phone.tap("trouble-slow")
    phone.page.wait_for_selector("[data-do=agree]")
    assert phone.requests() == ["login/ signup"]


def test_whom_wechat_blocks_is_told_so(phone: Phone):
    phone.tap("person-eve", "trouble-ban", "orders")
    phone.toast("该账号无法登录")
    assert phone.requests() == ["login/ stop"]
    # Bob is another matter.
    phone.tap("person-bob").sign_up()


def test_who_is_logged_in_sees_that_wechat_has_blocked_them(phone: Phone):
    phone.sign_up().tap("trouble-ban")
    phone.toast("下次登录起生效")
    phone.see(".who[aria-checked=true]", "已封禁")
    phone.tap("orders")
    phone.toast("你还没有订单")


def test_without_a_network_it_is_told_at_once_and_a_logout_is_made_good(phone: Phone):
    phone.sign_up().tap("trouble-offline", "orders")
    phone.toast("网络不可用")
    phone.tap("tab-me", "trouble-offline", "tab-me", "trouble-offline", "logout")
    phone.toast("联网后在服务器上生效")
    (person,) = phone.people(1)
    assert "有效" in person
    phone.tap("trouble-offline", "to-login").page.check("[data-do=agree]")
    phone.tap("plain-login")
    phone.toast("欢迎回来")
    assert "logout/ ok" in phone.requests()


def test_a_lost_answer_is_asked_for_once_more(phone: Phone):
    phone.sign_up().tap("trouble-wipe", "trouble-loss")
    # Not after the answers: what is said then is gone after two seconds and a half.
    phone.start("orders")
    phone.toast("你还没有订单")
    assert phone.requests()[-3:] == ["login/ retry", "login/ ok", "me/ ok"]
    phone.page.wait_for_selector("[data-do=trouble-loss][aria-pressed=false]")


def test_a_login_of_wechat_that_hangs_is_given_up(phone: Phone):
    phone.tap("trouble-hang", "orders")
    phone.toast("微信没有回应")
    phone.tap("trouble-hang", "orders")
    assert phone.requests() == ["login/ signup"]


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("quota", "暂时无法验证手机号"),
        ("permission", "暂不支持手机号登录"),
        ("undeclared", "暂不支持手机号登录"),
        ("privacy", "请先同意隐私保护指引"),
    ],
)
def test_where_wechat_gives_no_number_nothing_is_sent(phone: Phone, reason: str, said: str):
    phone.page.select_option("[data-do=number]", reason)
    phone.tap("orders").page.check("[data-do=agree]")
    before = phone.requests()
    phone.tap("phone-login")
    phone.toast(said)
    assert phone.requests() == before
    phone.tap("plain-login")
    phone.toast("注册成功")


def test_a_number_of_somebody_else_is_not_bound(phone: Phone):
    phone.tap("orders").page.check("[data-do=agree]")
    phone.tap("phone-login", "allow")
    phone.toast("注册成功")
    phone.tap("person-bob").page.select_option("[data-do=number]", "taken")
    phone.sign_up().tap("tab-me", "bind")
    phone.see(".sheet", "138****8001")
    phone.tap("allow")
    phone.toast("该手机号属于其他账号")


def test_with_an_empty_storage_the_person_is_still_known(phone: Phone):
    phone.sign_up().tap("trouble-wipe", "orders")
    phone.toast("你还没有订单")
    assert phone.requests()[-2:] == ["login/ ok", "me/ ok"]


def test_a_login_that_the_staff_ends_is_renewed_by_itself(phone: Phone):
    phone.sign_up().tap("trouble-ended")
    phone.toast("手机还不知道")
    phone.tap("orders")
    phone.toast("你还没有订单")
    assert phone.requests()[-3:] == ["me/ login", "login/ ok", "me/ ok"]


def test_what_is_withdrawn_in_wechat_is_gone_and_so_is_who_closes_the_account(phone: Phone):
    phone.sign_up().tap("tab-me", "bind", "allow")
    (person,) = phone.people(1)
    assert "+86138****8001" in person
    phone.tap("trouble-withdraw")
    phone.toast("微信已通知服务器")
    phone.page.wait_for_function(
        "() => !document.querySelector('.rows .person').innerText.includes('8001')"
    )
    phone.tap("trouble-close")
    phone.see(".rows", "还没有人登录过")
    phone.tap("tab-home", "orders")
    phone.see(".login-page", "手机号快捷登录")


def test_a_second_phone_logs_in_by_itself_and_ends_the_first(phone: Phone):
    phone.sign_up().tap("device-2", "tab-me")
    phone.see(".cells .device", "手机 1")
    phone.tap("end")
    phone.toast("已下线")
    phone.page.click("[data-do=device-1]")
    phone.tap("orders")
    phone.toast("你还没有订单")
    assert phone.requests()[-3:] == ["me/ login", "login/ ok", "me/ ok"]


def test_twenty_requests_share_one_login(phone: Phone):
    phone.sign_up().tap("device-2")
    phone.page.click("#clear")
    phone.tap("many")
    phone.toast("20 个请求，20 个成功")
    actions = phone.requests()
    assert (actions.count("login/ ok"), actions.count("me/ ok")) == (1, 20)


def test_the_profile_is_kept_and_a_logout_holds_over_a_restart(phone: Phone):
    phone.sign_up().tap("tab-me").page.fill("[data-do=nickname]", "小爱<b>&")
    phone.tap("save")
    phone.toast("已保存")
    (person,) = phone.people(1)
    assert "小爱<b>&" in person
    phone.tap("logout")
    phone.toast("已退出登录")
    phone.tap("cold")
    before = phone.requests()
    phone.tap("tab-me")
    phone.see(".profile", "未登录")
    assert phone.requests() == before
    phone.tap("to-login").page.check("[data-do=agree]")
    phone.tap("plain-login")
    phone.toast("欢迎回来")


def test_alice_chooses_a_picture_and_sees_what_the_server_kept(phone: Phone):
    phone.sign_up().tap("tab-me", "avatar")
    phone.page.click("[data-do=face] >> nth=0")
    phone.page.wait_for_function(
        "() => { const seen = document.querySelector('.profile img.avatar');"
        " return seen && seen.naturalWidth > 0 }"
    )
    assert phone.requests()[-1] == "me/avatar/ ok"


def test_a_token_outlives_the_mini_program(phone: Phone):
    phone.sign_up().tap("cold")
    phone.page.click("#clear")
    phone.tap("orders")
    assert phone.requests() == ["me/ ok"]


def test_the_rows_lead_into_the_admin(phone: Phone, running: Servers):
    phone.sign_up().people(1)
    for link in ("#admin", "#docs", ".rows .person strong a"):
        address = phone.page.get_attribute(link, "href")
        assert address.startswith(running.backend.rpartition(":")[0])
        assert address.split("/")[2].endswith(running.backend.rpartition(":")[2])


def test_it_speaks_english_to_others_and_both_on_demand(open_phone: Any):
    phone = open_phone(locale="en-US")
    phone.see("h2", "Make trouble")
    chinese = re.compile(r"[\u4e00-\u9fff]")
    assert chinese.findall(phone.page.inner_text("body").replace("中文", "")) == []
    phone.page.click("#language")
    phone.see("h2", "制造麻烦")
    assert phone.page.get_attribute("html", "lang") == "zh-CN"
    keys = phone.page.evaluate(
        """async () => {
          const { switchLanguage, words } = await import('/phone/words.js')
          const list = (all) => Object.entries(all).flatMap(([key, value]) =>
            typeof value === 'object' ? Object.keys(value).map((one) => key + one) : [key]).sort()
          const first = list(words())
          switchLanguage()
          return [first, list(words())]
        }"""
    )
    assert keys[0] == keys[1]


#: What WeChat's browser says, by the language of the page.
PAGES = {
    "zh-CN": {
        "asked": "在微信里登录",
        "silently": "静默",
        "agree": "确认登录：",
        "refuse": "拒绝",
        "refused": "你没有同意用微信登录",
        "again": "重新开始",
        "alice": "欢迎你，小爱",
        "welcome": "欢迎你",
        "guest": "你是访客",
        "nobody": "尚未登录",
        "out": "退出登录",
    },
    "en-US": {
        "asked": "Log in inside WeChat",
        "silently": "Silently",
        "agree": "Confirm as",
        "refuse": "Refuse",
        "refused": "You did not agree",
        "again": "Start again",
        "alice": "Welcome, 小爱",
        "welcome": "Welcome",
        "guest": "You are a guest",
        "nobody": "Nobody is logged in",
        "out": "Log out",
    },
}


class Frame:
    """WeChat's browser on the phone."""

    def __init__(self, phone: Phone, locale: str) -> None:
        self.words = PAGES[locale]
        self.frame = phone.page.frame_locator("#frame")

    def tap(self, word: str) -> Frame:
        self.frame.locator(f"main :is(a, button):has-text('{self.words[word]}')").first.click()
        return self

    def see(self, word: str) -> Frame:
        self.frame.locator(f"main:has-text('{self.words[word]}')").wait_for()
        return self


@pytest.mark.parametrize("locale", PAGES)
def test_the_browser_on_the_phone_opens_pages_inside_wechat(open_phone: Any, locale: str):
    phone = open_phone(locale=locale)
    phone.start("browser")
    frame = Frame(phone, locale).see("nobody")
    # WeChat asks nobody; who is not known stays a guest.
    frame.tap("silently").see("guest")
    phone.page.wait_for_selector("#rows .empty")
    frame.tap("asked").tap("refuse").see("refused").tap("again")
    # It is her phone: nobody else can be chosen.
    assert frame.frame.locator("a.first").count() == 1
    frame.tap("agree").see("alice")
    phone.see(".timeline > .wechat", "access_token")
    (person,) = phone.people(1)
    assert "小爱" in person
    frame.tap("out").see("nobody").tap("silently").see("alice")


def test_each_person_and_each_phone_has_a_browser_of_its_own(phone: Phone):
    phone.start("browser")
    frame = Frame(phone, "zh-CN").tap("asked").tap("agree").see("alice")
    phone.start("person-bob")
    frame.see("nobody")
    phone.start("person-alice")
    frame.see("alice")
    phone.start("device-2")
    frame.see("nobody")
    phone.page.click("#language")
    Frame(phone, "en-US").see("nobody")


def test_the_mini_program_is_behind_the_browser(phone: Phone):
    phone.sign_up().start("browser")
    # Silently WeChat tells no unionid; when she agrees she is the user of the mini-program.
    Frame(phone, "zh-CN").tap("silently").see("guest").tap("asked").tap("agree").see("welcome")
    (person,) = phone.people(1)
    assert "登录记录 2" in person
    phone.page.click("#browser [data-do=back]")
    phone.tap("tab-me")
    phone.page.wait_for_selector(".profile .avatar")
    assert phone.requests()[-1] == "me/logins/ ok"


@pytest.mark.parametrize("locale", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_the_browser_on_the_phone_shuts_nobody_out(
    open_phone: Any, packages: Path, tmp_path: Path, locale: str, scheme: str, width: int
):
    folder = Path(os.environ.get("PICTURES", tmp_path))
    size = {"width": width, "height": 900}
    phone = open_phone(locale=locale, color_scheme=scheme, viewport=size, reduced_motion="reduce")
    axe = (packages / "axe-core" / "axe.min.js").read_text()
    serious = """() => axe.run({iframes: false}).then((found) => found.violations
        .filter((one) => ['serious', 'critical'].includes(one.impact))
        .map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' ')}`))"""
    small = """[...document.querySelectorAll('a, button')]
        .filter((one) => one.offsetParent && one.offsetHeight < 44)
        .map((one) => one.outerHTML)"""
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

    def look(name: str) -> None:
        phone.settle()
        inside = phone.page.frame(url=f"{phone.browser}/**")
        for page in (phone.page, inside):
            page.evaluate(axe)
            assert page.evaluate(serious) == [], name
            assert page.evaluate(small) == [], name
            assert page.evaluate(wide) <= 0, name
        assert inside.get_attribute("html", "lang").startswith(locale[:2])
        file = folder / f"browser-{name}-{locale}-{scheme}-{width}.png"
        phone.page.screenshot(path=file)

    phone.start("browser")
    frame = Frame(phone, locale).see("nobody")
    look("shop")
    frame.tap("asked").see("agree")
    look("asked")
    frame.tap("refuse").see("refused")
    look("refused")


#: What may stand on the Chinese page in Latin letters: names of WeChat, HTTP and the contract.
NAMES = r"wxauth|API|code|openid|unionid|session_key|English|\d+ ms"


def test_the_chinese_page_has_no_english_word(phone: Phone):
    phone.sign_up().tap("tab-me")
    phone.people(1)
    visible = "main > :not(.live), .top"
    text = " ".join(phone.page.locator(visible).all_inner_texts())
    codes = " ".join(phone.page.locator(".rows code").all_inner_texts())
    for code in codes.split():
        text = text.replace(code, "")
    assert re.findall(r"[A-Za-z]{3,}", re.sub(NAMES, "", text)) == []


def test_whatever_can_be_tapped_is_large_enough(open_phone: Any):
    phone = open_phone(viewport={"width": 390, "height": 844})
    small = """() => [...document.querySelectorAll('button, a, select, summary, label.agree')]
        .filter((one) => one.offsetParent && getComputedStyle(one).visibility === 'visible')
        .filter((one) => one.offsetHeight < 44 || one.offsetWidth < 44)
        .map((one) => `${one.className || one.id} ${one.offsetWidth}x${one.offsetHeight}`)"""
    assert phone.page.evaluate(small) == []
    phone.tap("orders")
    assert phone.page.evaluate(small) == []
    phone.page.check("[data-do=agree]")
    phone.tap("plain-login", "tab-me")
    phone.people(1)
    assert phone.page.evaluate(small) == []


def test_on_a_small_screen_cause_and_effect_are_seen_at_once(open_phone: Any):
    phone = open_phone(viewport={"width": 390, "height": 844})
    phone.tap("orders")
    inside = """(selector) => {
        const { top, bottom } = document.querySelector(selector).getBoundingClientRect()
        return top >= 0 && bottom <= innerHeight
    }"""
    for part in (".glass", ".live", ".request"):
        assert phone.page.evaluate(inside, part), part
    phone.page.locator("[data-do=trouble-ended]").scroll_into_view_if_needed()
    for part in ("[data-do=trouble-ended]", ".live"):
        assert phone.page.evaluate(inside, part), part


@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_nobody_is_shut_out(open_phone: Any, packages: Path, locale: str, scheme: str, width: int):
    phone = open_phone(locale=locale, color_scheme=scheme, viewport={"width": width, "height": 844})
    phone.page.evaluate((packages / "axe-core" / "axe.min.js").read_text())
    serious = """() => axe.run().then((found) => found.violations
        .filter((one) => ['serious', 'critical'].includes(one.impact))
        .map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' ')}`))"""
    phone.page.emulate_media(reduced_motion="reduce")
    phone.tap("orders")
    phone.tap("phone-login").settle()
    assert phone.page.evaluate(serious) == []
    phone.page.check("[data-do=agree]")
    phone.tap("plain-login", "tab-me")
    phone.people(1)
    phone.settle()
    assert phone.page.evaluate(serious) == []


@pytest.mark.parametrize("width", [1440, 1280, 1024, 768, 390, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits(open_phone: Any, width: int, scheme: str):
    phone = open_phone(viewport={"width": width, "height": 800}, color_scheme=scheme)
    phone.tap("orders")
    wide = phone.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    page, ink = phone.page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    dark = sum(map(int, re.findall(r"\d+", page)[:3])) < sum(map(int, re.findall(r"\d+", ink)[:3]))
    assert dark == (scheme == "dark")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pictures(open_phone: Any, tmp_path: Path, language: str):
    folder = Path(os.environ.get("PICTURES", tmp_path))
    chinese = language == "zh"
    for scheme in ("light", "dark"):
        phone = open_phone(locale="zh-CN" if chinese else "en-US", color_scheme=scheme)
        phone.tap("tab-me")
        if phone.page.query_selector("[data-do=to-login]"):
            phone.tap("to-login").page.check("[data-do=agree]")
            phone.tap("phone-login", "allow", "tab-me")
            phone.page.fill("[data-do=nickname]", "小爱" if chinese else "Alice")
            phone.tap("save")
        phone.page.click("#clear")
        phone.tap(f"app-{BOOKS}", "trouble-used", "tab-me")
        phone.requests()
        phone.page.wait_for_selector(".toast", state="detached")
        phone.page.wait_for_timeout(2500)  # the new rows have stopped glowing
        file = folder / f"phone-{language}-{scheme}.png"
        phone.page.screenshot(path=file)
        assert file.stat().st_size > 50_000
