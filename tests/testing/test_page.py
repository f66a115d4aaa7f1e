"""The simulated phone's server side: what the page is given, and what it is not."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core.management import CommandError, call_command

from wxauth.testing import FakeWeChatServer, faults
from wxauth.testing.page import HEADERS, STATIC, PhonePage

from .conftest import APPID, Http, login_path


class Backend(BaseHTTPRequestHandler):
    """Says what it was asked."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        seen = {"method": self.command, "path": self.path, "body": body}
        seen["headers"] = {name.lower(): value for name, value in self.headers.items()}
        answer = json.dumps(seen).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Set-Cookie", "sessionid=1")
        self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_DELETE = do_PATCH = do_GET  # noqa: N815 -- the standard library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- likewise
        pass


@pytest.fixture
def backend() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Backend) as server:
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def page(backend) -> PhonePage:
    return PhonePage(backend=backend, config={"api": "/api/"}, rows=lambda: {"people": []})


@pytest.fixture
def phone(fake, page) -> Iterator[Http]:
    with FakeWeChatServer(fake, page=page) as server:
        client = Http(server.url)
        yield client
        client.connection.close()


def ask(phone: Http, method: str, path: str, body: bytes = b"", **headers: str):
    phone.connection.request(method, path, body, headers)
    answer = phone.connection.getresponse()
    return answer, answer.read()


def test_the_page_and_all_its_parts_are_there(phone):
    answer, body = ask(phone, "GET", "/")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    parts = re.findall(r'(?:src|href)="(/phone/[^"]+)"', body.decode())
    assert len(parts) > 4
    for path in parts:
        assert ask(phone, "GET", path)[0].status == 200, path


def test_nothing_of_the_page_is_inline_or_from_elsewhere(phone):
    for name in [file.name for file in STATIC.iterdir()]:
        answer, body = ask(phone, "GET", f"/phone/{name}")
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        text = body.decode()
        addresses = set(re.findall(r"https?://[^\s'\"`)]+", text))
        harmless = {"http://www.w3.org/2000/svg", "https://api.example.com/api/wxauth"}
        assert addresses <= harmless, name
        assert not re.search(r"<style|<script(?![^>]* src=)|\son\w+=|style=|innerHTML", text), name


@pytest.mark.parametrize(
    "path", ["/phone/nothing.js", "/phone/../../page.py", "/phone/%2e%2e/page.py", "/phone/"]
)
def test_nothing_else_is_served(phone, path):
    body = ask(phone, "GET", path)[1]
    assert b"import" not in body


def test_requests_go_to_the_project_and_back_without_cookies(phone):
    answer, body = ask(
        phone,
        "POST",
        "/backend/api/wxauth/login/?a=1",
        b'{"code": "x"}',
        **{"X-Phone": "phone 2", "Authorization": "Bearer t", "Cookie": "sessionid=2"},
    )
    seen = json.loads(body)
    assert (seen["method"], seen["path"]) == ("POST", "/api/wxauth/login/?a=1")
    assert seen["body"] == '{"code": "x"}'
    assert seen["headers"]["user-agent"] == "phone 2"
    assert seen["headers"]["authorization"] == "Bearer t"
    assert "cookie" not in seen["headers"]
    assert (answer.status, answer.headers["Retry-After"]) == (201, "7")
    assert answer.headers["Set-Cookie"] is None
    assert answer.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
    assert json.loads(ask(phone, "DELETE", "/backend/x")[1])["method"] == "DELETE"


@pytest.mark.parametrize("path", ["/backend//eve.example/", "/backend/@eve.example", "/backend/"])
def test_requests_go_nowhere_else(phone, path):
    # The standard library's server takes "//" for "/".
    expected = path.removeprefix("/backend").replace("//", "/")
    assert json.loads(ask(phone, "GET", path)[1])["path"] == expected


def test_a_project_that_is_down_looks_as_it_does_behind_nginx(fake):
    page = PhonePage(backend="http://127.0.0.1:9", config={}, rows=dict)
    with FakeWeChatServer(fake, page=page) as server:
        phone = Http(server.url)
        answer, body = ask(phone, "GET", "/backend/api/")
        assert (answer.status, answer.headers["Content-Type"]) == (502, "text/html")
        assert body.startswith(b"<h1>")
        phone.connection.close()


@pytest.mark.parametrize("url", ["https://a.example", "127.0.0.1:8000", "http://a/b", "file:///x"])
def test_a_backend_that_is_no_address_is_refused(url):
    with pytest.raises(ValueError, match="backend"):
        PhonePage(backend=url, config={}, rows=dict)


def test_the_page_hears_what_the_project_asked_wechat_and_no_secret(phone, fake):
    code = fake.login_code("alice")
    ask(phone, "GET", login_path(code))
    fake.faults.add(faults.html(503))
    ask(phone, "GET", login_path("code-number-two"))
    text = ask(phone, "GET", "/phone/state.json?after=")[1].decode()
    good, bad = json.loads(text)["calls"]
    assert good["path"] == "/sns/jscode2session"
    assert good["asked"]["appid"] == APPID
    assert (good["trouble"], good["told"]["session_key"]) == (None, "•••")
    assert (bad["trouble"], bad["told"]["status"]) == ("Body", 503)
    for secret in (code, "s3cret", fake.session_key("alice"), fake.person("alice").openid(APPID)):
        assert secret not in text
    after = ask(phone, "GET", f"/phone/state.json?after={good['number']}")[1]
    assert [call["number"] for call in json.loads(after)["calls"]] == [bad["number"]]


def test_a_fake_without_a_page_has_none(http_):
    for path in ("/", "/phone/config.json", "/backend/"):
        assert http_.json("GET", path)[1]["errcode"] == 40066


def test_with_debug_off_neither_sandbox_nor_page_exists(settings):
    settings.DEBUG = False
    with pytest.raises(CommandError):
        call_command("wxauth_sandbox", "--port", "0")


def test_collectstatic_does_not_find_the_page():
    from django.contrib.staticfiles import finders

    assert finders.find("phone/index.html") is None
    assert (STATIC / "index.html").is_file()


def test_wechat_refuses_whom_the_page_blocks(served, http_):
    assert http_.json("POST", "/sandbox/refuse", {"person": "eve", "errcode": 40226}) == (200, {})
    assert http_.json("GET", login_path(served.login_code("eve")))[1]["errcode"] == 40226
    http_.json("POST", "/sandbox/refuse", {"person": "eve", "errcode": None})
    assert "openid" in http_.json("GET", login_path(served.login_code("eve")))[1]
    assert http_.json("POST", "/sandbox/refuse", {"errcode": 1})[0] == 400
