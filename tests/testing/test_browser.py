"""WeChat's browser on the simulated phone: what the project sees of it, and what it keeps."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from wxauth.testing import FakeWeChat, FakeWeChatServer
from wxauth.testing.browser import PhoneBrowser
from wxauth.testing.page import PhonePage
from wxauth.testing.server import PhoneBrowserServer

from .conftest import Http

ACCOUNT = "wx00000000000000a2"
AUTHORIZE = "/connect/oauth2/authorize?" + urlencode(
    {
        "appid": ACCOUNT,
        "redirect_uri": "http://127.0.0.1:1/wechat/callback/",
        "response_type": "code",
        "scope": "snsapi_userinfo",
        "state": "a1B2",
    }
)
ALICE, BOB = (f"wxauth_phone=person={name}&device=1&language=en" for name in ("alice", "bob"))


class Project(BaseHTTPRequestHandler):
    """Counts the visits of each browser, as a site with sessions does."""

    def do_GET(self) -> None:
        self.server.seen = self.headers
        body = f"{self.command} {self.rfile.read(int(self.headers.get('Content-Length', 0)))!r}"
        self.send_response(302 if self.path == "/start/" else 200)
        if self.path == "/start/":
            self.send_header("Location", f"https://open.weixin.qq.com{AUTHORIZE}#wechat_redirect")
        if self.path == "/in/":
            self.send_header("Set-Cookie", 'sessionid="1:2"; HttpOnly; Path=/; SameSite=Lax')
            self.send_header("Set-Cookie", "csrftoken=t; Path=/")
        if self.path == "/out/":
            self.send_header("Set-Cookie", 'sessionid=""; Max-Age=0; Path=/')
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Content-Security-Policy", "default-src 'self'")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_POST = do_GET  # noqa: N815 -- the standard library's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- likewise
        pass


@pytest.fixture
def project() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Project) as server:
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def browse(fake: FakeWeChat, project: HTTPServer) -> Iterator:
    """Opens a page in the frame of somebody's phone."""
    fake.add_app(ACCOUNT, "s", kind="officialaccount")
    for name in ("alice", "bob"):
        fake.add_person(name)
    address = f"http://127.0.0.1:{project.server_port}"
    with PhoneBrowserServer(PhoneBrowser(fake, backend=address), "127.0.0.1") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)

        def open_page(path: str, cookie: str = ALICE, method: str = "GET", body=None, **headers):
            connection.request(method, path, body, {"Cookie": cookie, **headers})
            answer = connection.getresponse()
            return answer, answer.read().decode()

        yield open_page
        connection.close()


def test_the_project_sees_wechats_browser_and_the_phones_own_cookies(browse, project):
    answer, _ = browse("/in/")
    assert answer.headers["Set-Cookie"] is None
    sent = {"X-CSRFToken": "t", "User-Agent": "Chrome"}
    _, body = browse("/", method="POST", body=b"a=1", **sent)
    assert body == "POST b'a=1'"
    assert "MicroMessenger" in project.seen["User-Agent"]
    assert project.seen["Cookie"] == 'sessionid="1:2"; csrftoken=t'
    assert project.seen["X-CSRFToken"] == "t"
    assert project.seen["Accept-Language"] == "en"
    assert project.seen["Host"].startswith("127.0.0.1:")
    for other in (BOB, ALICE.replace("device=1", "device=2"), ""):
        browse("/", other)
        assert project.seen["Cookie"] == ""
    browse("/out/")
    browse("/")
    assert project.seen["Cookie"] == "csrftoken=t"


def test_the_phones_page_may_frame_it_and_nobody_else(browse):
    for path in ("/", AUTHORIZE):
        answer, _ = browse(path)
        assert answer.headers["X-Frame-Options"] is None
        policies = answer.headers["Content-Security-Policy"].split(", ")
        assert policies[0].startswith("default-src")
        assert policies[1] == "frame-ancestors http://127.0.0.1:*"


def test_wechats_page_opens_in_it_and_asks_whose_phone_it_is(browse, fake):
    answer, _ = browse("/start/")
    assert answer.headers["Location"] == f"{AUTHORIZE}#wechat_redirect"
    body = browse(AUTHORIZE)[1]
    assert "(alice)" in body
    assert "(bob)" not in body
    assert "Pretend" not in body
    assert "(default)" in browse(AUTHORIZE, "wxauth_phone=person=nobody")[1]
    silent = AUTHORIZE.replace("snsapi_userinfo", "snsapi_base")
    code = parse_qs(urlsplit(browse(silent, BOB)[0].headers["Location"]).query)["code"][0]
    asked = {"appid": ACCOUNT, "secret": "s", "code": code, "grant_type": "authorization_code"}
    told = fake.answer("/sns/oauth2/access_token", asked)
    assert told["openid"] == fake.person("bob").openid(ACCOUNT)


@pytest.mark.parametrize(
    "cookie", ["device=%0d%0aa", "language=%0d%0aa%3a+b", "device=%D9%A1", "%"]
)
def test_whatever_the_cookie_says_is_no_header(browse, project, cookie):
    assert browse("/", f"wxauth_phone={cookie}")[0].status == 200
    assert project.seen["Accept-Language"] == "zh-CN"
    assert project.seen["User-Agent"].endswith("(phone 1)")


def test_no_name_of_a_foreign_page_reaches_it(browse):
    assert browse("/", Host="eve.example")[0].status == 421


def test_a_project_that_is_down_is_seen(fake):
    browser = PhoneBrowser(fake, backend="http://127.0.0.1:9")
    with PhoneBrowserServer(browser, "127.0.0.1") as server:
        page = Http(f"http://127.0.0.1:{server.port}")
        assert page.text("GET", "/")[0] == 502
        page.connection.close()


def test_the_phones_page_frames_its_browser_and_nothing_else(fake):
    page = PhonePage(backend="http://127.0.0.1:9", config={}, rows=dict)
    with FakeWeChatServer(fake, page=page) as server:
        phone = Http(server.url)
        assert phone.json("GET", "/phone/config.json")[1]["browser"] is None
        page.browser = {"port": 7}
        answer = phone.ask("GET", "/")
        answer.read()
        assert answer.headers["Content-Security-Policy"].endswith("; frame-src http://127.0.0.1:7")
        phone.connection.close()
