"""nginx in front of gunicorn, PostgreSQL and Redis, all real, as ``deploy/`` sets them up."""

from __future__ import annotations

import http.client
import io
import json
import re
import signal
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

import pytest
from PIL import Image

from .stack import APPID, HOST, wait_for
from .traffic import Connection

pytestmark = pytest.mark.slow

LOGIN = "/api/wxauth/login/"


@pytest.fixture
def connection(stack):
    connection = Connection(stack)
    yield connection
    connection.close()


@pytest.fixture
def log_in(stack, connection):
    def log_in(**headers):
        code = stack.wechat.fake.login_code("phone-0", APPID)
        status, answered, body = connection.ask("POST", LOGIN, {"code": code}, headers)
        assert status == 200, body
        return code, answered, body["token"]

    return log_in


def test_a_login_keeps_the_address_that_nginx_saw_whatever_the_phone_says(stack, log_in):
    log_in(**{"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "http"})
    address = stack.database.sql("SELECT address FROM wxauth_login ORDER BY id DESC LIMIT 1")
    assert address.partition("/")[0] == "127.0.0.1"


def test_a_request_has_one_id_in_the_answer_and_both_logs_and_no_log_has_a_secret(
    stack, connection, log_in
):
    code, headers, token = log_in(**{"X-Request-ID": "of-the-phone-s-own"})
    bearer = {"Authorization": f"Bearer {token}"}
    assert connection.ask("GET", f"/api/wxauth/me/?token={token}", None, bearer)[0] == 200
    request_id = headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", request_id)

    proxy, server = stack.nginx.folder / "wxauth.log", stack.gunicorn.output
    wait_for(lambda: request_id in proxy.read_text())
    (line,) = [line for line in proxy.read_text().splitlines() if request_id in line]
    assert json.loads(line)["path"] == LOGIN
    lines = [line for line in server.read_text().splitlines() if request_id in line]
    assert [json.loads(line)["logger"] for line in lines] == ["wxauth.outcomes", "wxauth.access"]
    for text in (proxy.read_text(), server.read_text()):
        assert code not in text
        assert token not in text
        assert stack.project.settings["WXAUTH_SECRET"] not in text


def test_the_staff_log_in_over_https(stack, connection):
    stack.project.manage(
        "createsuperuser", "--noinput", "--username", "carol", "--email", "",
        DJANGO_SUPERUSER_PASSWORD="carols-long-password",
    )  # fmt: skip
    status, headers, _ = connection.ask("GET", "/admin/login/?next=/admin/")
    cookie = SimpleCookie(headers["Set-Cookie"])["csrftoken"]
    assert status == 200
    assert cookie["secure"]
    form = {"username": "carol", "password": "carols-long-password", "next": "/admin/"}
    form["csrfmiddlewaretoken"] = cookie.value
    origin = f"https://{HOST}:{stack.nginx.port}"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": f"csrftoken={cookie.value}",
        "Origin": origin,
        "Referer": f"{origin}/admin/login/",
    }
    connection.request("POST", "/admin/login/", urlencode(form), headers)
    answer = connection.getresponse()
    answer.read()
    assert (answer.status, answer.headers["Location"]) == (302, "/admin/")
    cookies = SimpleCookie()
    for value in answer.headers.get_all("Set-Cookie"):
        cookies.load(value)
    session = cookies["sessionid"]
    assert session["secure"]
    assert session["httponly"]
    path = "/admin/wxauth/person/"
    assert connection.ask("GET", path, None, {"Cookie": f"sessionid={session.value}"})[0] == 200
    assert connection.ask("GET", path)[0] == 302


def test_an_upload_comes_back_from_nginx(stack, connection, log_in):
    _, _, token = log_in()
    picture = io.BytesIO()
    Image.new("RGB", (300, 300), "green").save(picture, "PNG")
    part = b'Content-Disposition: form-data; name="avatar"; filename="a.png"'
    part += b"\r\nContent-Type: image/png\r\n\r\n" + picture.getvalue()
    body = b"--b\r\n" + part + b"\r\n--b--\r\n"
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "multipart/form-data; boundary=b",
    }
    connection.request("POST", "/api/wxauth/me/avatar/", body, headers)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    assert answer.status == 200, content
    url = urlsplit(content["avatar"])
    assert (url.scheme, url.netloc) == ("https", f"{HOST}:{stack.nginx.port}")
    status, headers, content = connection.ask("GET", url.path)
    assert status == 200
    assert headers.get_content_type() in {"image/png", "image/jpeg", "image/webp"}
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert Image.open(io.BytesIO(content)).size


def test_static_files_and_health_are_there(stack, connection):
    status, headers, _ = connection.ask("GET", "/static/admin/css/base.css")
    assert (status, headers.get_content_type()) == (200, "text/css")
    for path in ("/healthz", "/readyz"):
        assert connection.ask("GET", path)[0] == 200


def test_plain_http_is_sent_to_https_with_its_body(stack):
    plain = http.client.HTTPConnection("127.0.0.1", stack.nginx.plain_port, timeout=10)
    plain.request("POST", LOGIN, "{}", {"Host": HOST})
    answer = plain.getresponse()
    answer.read()
    plain.close()
    assert (answer.status, answer.headers["Location"]) == (308, f"https://{HOST}{LOGIN}")


def test_what_nginx_itself_refuses_is_json_too(stack, connection):
    status, _, body = connection.ask("POST", LOGIN, {"code": "x" * 7 * 1024 * 1024})
    assert (status, body["code"], body["action"]) == (413, "payload_too_large", "fix")


def test_while_the_server_is_down_phones_are_told_to_try_again(stack, connection, log_in):
    stack.gunicorn.end(signal.SIGTERM)
    try:
        status, headers, body = connection.ask("POST", LOGIN, {"code": "x"})
        assert (status, body["code"], body["action"]) == (503, "server_unavailable", "retry")
        assert headers["Retry-After"] == str(body["retry_after"])
    finally:
        stack.gunicorn.start()
    log_in()


def test_the_checks_for_production_find_nothing_but_the_fake_wechat(stack):
    """http, and on this machine: what a fake is."""
    found = stack.project.manage("check", "--deploy", "--fail-level", "CRITICAL", DEBUG="False")
    assert re.findall(r"\((\w+\.[EW]\d+)\)", found.stderr) == ["wxauth.E103"]


@pytest.fixture
def refused(stack):
    """What a server says that does not even start."""
    stack.gunicorn.end()
    before = len(stack.gunicorn.output.read_text())

    def launch():
        stack.gunicorn.launch()
        assert stack.gunicorn.process.wait(60) != 0
        return stack.gunicorn.output.read_text()[before:]

    yield launch
    stack.gunicorn.end()
    stack.gunicorn.start()


def test_a_server_with_a_setting_missing_does_not_start(stack, refused):
    key = stack.project.settings["WXAUTH_LOOKUP_KEY"]
    stack.project.configure(WXAUTH_LOOKUP_KEY="")
    try:
        assert "wxauth.E011" in refused()
    finally:
        stack.project.configure(WXAUTH_LOOKUP_KEY=key)


def test_a_server_whose_env_cannot_be_read_does_not_start(stack, refused):
    """It would be in development mode, and let anybody in as anybody."""
    (stack.project.folder / ".env").unlink()
    try:
        assert "wxauth.E010" in refused()
    finally:
        stack.project.configure()
