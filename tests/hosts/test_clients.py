"""Clients that were there before wxauth, each with a login view of the project's own; and the
project's own tests, in pytest and in Django's manner.

The code is that of ``docs/login-views.md`` and ``docs/testing.md``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from .hosting import Host, run
from .phone import APP_ONE, Answer, Phone

pytestmark = pytest.mark.hosts

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Shape:
    """What one of the clients sends, and what it expects."""

    path: str
    #: (phone, path, code, headers) → answer
    send: Callable[..., Answer]
    #: The token in the body of a login.
    token: Callable[[Any], str]
    #: (status, body) of the answer to an error, from its row and the body that came.
    error: Callable[[int, str, Any], tuple[int, Any]]


def by_header(phone: Phone, path: str, code: str, headers: dict[str, str]) -> Answer:
    return phone.send("GET", path, headers={**headers, "X-WX-Code": code})


def by_form(phone: Phone, path: str, code: str, headers: dict[str, str]) -> Answer:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"js_code": code, "app": APP_ONE}).encode()
    return phone.send("POST", path, body, headers={**headers, **form})


def by_json(phone: Phone, path: str, code: str, headers: dict[str, str]) -> Answer:
    return phone.send("POST", path, {"code": code}, headers=headers)


def ours(status: int, code: str, body: Any) -> tuple[int, Any]:
    return status, {**body, "code": code, "detail": body["detail"], "action": body["action"]}


def in_envelope(status: int, code: str, body: Any) -> tuple[int, Any]:
    inner = {**body["data"], "code": code}
    return 200, {"errno": status, "errmsg": inner["detail"], "data": inner}


def in_own_words(status: int, code: str, body: Any) -> tuple[int, Any]:
    return status, {"error": code, "message": body["message"], "next": body["next"]}


SHAPES = {
    "header": Shape("header", by_header, lambda body: body["skey"], ours),
    "form": Shape("form", by_form, lambda body: body["token"], ours),
    "envelope": Shape("envelope", by_json, lambda body: body["data"]["token"], in_envelope),
    "error-key": Shape("error-key", by_json, lambda body: body["token"], in_own_words),
}


class Client:
    """One of these clients on one phone, at an address of its own."""

    def __init__(self, shape: Shape, phone: Phone) -> None:
        self.shape, self.phone = shape, phone
        self.address = f"203.0.113.{next(_numbers)}"

    def log_in(self, code: str | None = None) -> Answer:
        code = self.phone.fake.login_code(self.phone.name) if code is None else code
        headers = {"X-Forwarded-For": self.address}
        path = f"/api/clients/{self.shape.path}/"
        answer = self.shape.send(self.phone, path, code, headers)
        assert answer["Content-Type"] == "application/json"
        assert (answer["Cache-Control"], bool(answer["X-Request-ID"])) == ("no-store", True)
        assert not answer.cookies
        return answer

    def assert_refused(self, answer: Answer, status: int, code: str) -> None:
        body = answer.json()
        assert (answer.status_code, body) == self.shape.error(status, code, body)


@pytest.fixture
def host(get_host: Callable[[str], Host]) -> Host:
    return get_host("clients")


@pytest.fixture(params=SHAPES)
def client(request: pytest.FixtureRequest, host: Host, new_phone: Any) -> Client:
    return Client(SHAPES[request.param], new_phone(host))


def read_log(host: Host, shape: Shape) -> list[str]:
    lines = (host.folder / "server.log").read_text().splitlines()
    return [
        line for line in lines if line.startswith("access ") and f" {shape.path}-login " in line
    ]


def test_an_old_client_logs_in_and_its_token_is_one_of_ours(client):
    answer = client.log_in()
    assert answer.status_code == 200, answer.content
    token = client.shape.token(answer.json())
    me = client.phone.send("GET", "/api/whoami/", authorization=f"Bearer {token}").json()
    assert me["openid"] == client.phone.fake.person(client.phone.name).openid(APP_ONE)


def test_a_code_that_wechat_refuses_is_refused_in_the_clients_own_shape(client):
    client.assert_refused(client.log_in("made up"), 400, "invalid_code")


@pytest.mark.parametrize("code", ["", "x" * 257], ids=["empty", "endless"])
def test_a_code_is_held_to_the_rules_of_login(client, code):
    client.assert_refused(client.log_in(code), 400, "invalid_request")


def test_the_fourth_login_from_an_address_is_refused_in_the_clients_own_shape(client):
    answers = [client.log_in() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    refused = client.log_in()
    client.assert_refused(refused, 429, "rate_limited")
    assert int(refused["Retry-After"]) > 0
    # A second view is no second allowance.
    code = client.phone.fake.login_code(client.phone.name)
    headers = {"X-Forwarded-For": client.address}
    assert client.phone.call("POST", "login/", {"code": code}, headers=headers).status_code == 429


def test_each_login_leaves_a_line_in_the_access_log_with_our_code(client):
    before = read_log(client.phone.host, client.shape)
    client.log_in()
    client.log_in("made up")
    entered, refused = read_log(client.phone.host, client.shape)[len(before) :]
    method = "GET" if client.shape.path == "header" else "POST"
    sent = 200 if client.shape.path == "envelope" else 400
    assert entered == f"access {method} {client.shape.path}-login 200  {APP_ONE}"
    assert refused == f"access {method} {client.shape.path}-login {sent} invalid_code {APP_ONE}"


def test_what_a_client_does_not_speak_is_refused_in_its_own_shape(client):
    method = "POST" if client.shape.path == "header" else "DELETE"
    answer = client.phone.send(method, f"/api/clients/{client.shape.path}/", {"code": "x"})
    client.assert_refused(answer, 405, "method_not_allowed")


def test_the_projects_tests_pass_in_djangos_own_runner(host):
    assert "Ran 4 tests" in host.manage("test")


def test_the_projects_tests_pass_in_pytest(host):
    assert "2 passed" in run(host.python, "-m", "pytest", "-q", "tests", cwd=host.folder)
