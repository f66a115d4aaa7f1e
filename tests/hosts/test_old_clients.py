"""The clients of docs/old-clients.md, against the views that stand there.

wafer2-client-sdk and hydrogen-js-sdk run themselves, under Node (``old-clients.test.mjs``).
weRequest 1.x and litemall are not on npm: what they send, and what they make of the answer, is
written down here from their published sources.
"""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.miniprogram.conftest import find_program

from .hosting import Host, clean_environment
from .phone import APP_ONE, Answer, Phone

pytestmark = pytest.mark.hosts

HERE = Path(__file__).parent
ROOT = "/api/clients/"
#: What nobody repeats: the limit of the host counts an address for a day.
LIMIT = 20

_numbers = itertools.count(1)


@pytest.fixture
def host(get_host: Callable[[str], Host]) -> Host:
    return get_host("old-clients")


class Client:
    """What all of them do: wx.login, a login, and a request with what came of it."""

    #: The name of its login's path, and its method, for the log.
    login_path, method = "", "POST"
    #: Whether it says an ended token, and all else, with status 200.
    always_200 = True

    def __init__(self, phone: Phone) -> None:
        self.phone, self.token = phone, ""
        self.address = f"203.0.113.{next(_numbers)}"

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        sent = {"X-Forwarded-For": self.address, **headers}
        return self.phone.send(method, ROOT + path, body, headers=sent)

    def give(self, code: str, data: dict[str, str]) -> Answer:
        raise NotImplementedError

    def read(self, body: Any) -> str | None:
        """The token in the body of a login, where the client finds one."""
        raise NotImplementedError

    def ask(self) -> Any:
        """The data of a request, or None where the client finds that its login has ended."""
        raise NotImplementedError

    def log_in(self, code: str | None = None, data: dict[str, str] | None = None) -> Answer:
        code = self.phone.fake.login_code(self.phone.name) if code is None else code
        answer = self.give(code, data or {})
        assert answer["Content-Type"] == "application/json"
        assert (answer["Cache-Control"], bool(answer["X-Request-ID"])) == ("no-store", True)
        assert not self.always_200 or answer.status_code == 200
        self.token = self.read(answer.json()) or ""
        return answer


class WeRequest(Client):
    login_path, method = "werequest", "GET"

    def give(self, code, data):
        return self.send("GET", "werequest/login/?" + urlencode({"code": code, **data}))

    def read(self, body):
        return body["data"]["session"] if body["errcode"] == 0 else None

    def ask(self):
        query = urlencode({"session": self.token})
        answers = [
            self.send("GET", f"werequest/whoami/?{query}"),
            self.send("POST", f"werequest/whoami/?{query}", {"session": self.token}),
            # With doNotUseQueryString.
            self.send("POST", "werequest/whoami/", {"session": self.token}),
        ]
        assert [answer.status_code for answer in answers] == [200] * 3
        first, *others = (answer.json() for answer in answers)
        assert others == [first, first]
        return first["data"] if first["errcode"] != -1 else None


class WeRequestByPost(WeRequest):
    method = "POST"

    def give(self, code, data):
        return self.send("POST", "werequest/login/", {"code": code, **data})


class Litemall(Client):
    login_path = "litemall"

    def give(self, code, data):
        claimed = {"nickName": "the phone's own word", "avatarUrl": "https://example.com/a.png"}
        body = {"code": code, "userInfo": claimed, **data}
        return self.send("POST", "wx/auth/login_by_weixin", body)

    def read(self, body):
        return body["data"]["token"] if body["errno"] == 0 and body["data"]["userInfo"] else None

    def ask(self):
        answer = self.send("GET", "wx/whoami", **{"X-Litemall-Token": self.token})
        assert answer.status_code == 200
        body = answer.json()
        return body["data"] if body["errno"] != 501 else None


class Form(Client):
    login_path, always_200 = "old-form", False

    def give(self, code, data):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", "form/login/", urlencode({"code": code, **data}).encode(), **form)

    def read(self, body):
        return body.get("token")

    def ask(self):
        answer = self.phone.send("GET", "/api/whoami/", authorization=f"Bearer {self.token}")
        return answer.json() if answer.status_code != 401 else None


class Wafer(Client):
    login_path, method, always_200 = "wafer", "GET", False

    def give(self, code, data):
        return self.send("GET", "wafer/login/", **{"X-WX-Code": code})

    def read(self, body):
        return body["data"]["skey"] if body["code"] == 0 else None


class Bmob(Client):
    login_path, always_200 = "bmob", False

    def give(self, code, data):
        return self.send("POST", f"1/wechatAppv1/{code}", {"anonymous_code": ""})

    def read(self, body):
        return body.get("sk")


@pytest.fixture(params=[WeRequest, WeRequestByPost, Litemall, Form], ids=lambda kind: kind.__name__)
def client(request: pytest.FixtureRequest, host: Host, new_phone: Any) -> Client:
    return request.param(new_phone(host))


@pytest.fixture(
    params=[WeRequest, WeRequestByPost, Litemall, Form, Wafer, Bmob],
    ids=lambda kind: kind.__name__,
)
def any_client(request: pytest.FixtureRequest, host: Host, new_phone: Any) -> Client:
    return request.param(new_phone(host))


def get_openid(client: Client) -> str:
    return client.phone.fake.person(client.phone.name).openid(APP_ONE)


# -- the clients themselves ----------------------------------------------------------------------


def test_the_clients_of_npm_log_in_and_ask_unmodified(host: Host):
    npm = HERE / "npm"
    stamp, lock = npm / "node_modules" / ".package-lock.json", npm / "package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        command = [find_program("npm"), "ci", "--ignore-scripts", "--no-progress"]
        subprocess.run(command, cwd=npm, check=True, capture_output=True, timeout=300)
    done = subprocess.run(
        [find_program("node"), "--test", str(HERE / "old-clients.test.mjs")],
        env={
            **clean_environment(),
            "WXAUTH_HOST": host.url,
            "WXAUTH_SANDBOX": host.server.url,
        },
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # A run that found no test succeeds as well.
    assert "\n# pass 0\n" not in done.stdout.replace("ℹ", "#")


# -- as their sources have it --------------------------------------------------------------------


def test_a_cold_login_and_a_request_with_its_token(client):
    client.log_in()
    assert client.ask()["openid"] == get_openid(client)


def test_an_ended_token_is_told_as_the_client_understands_it(client):
    client.log_in()
    ended = client.token
    client.phone.call("POST", "logout/", authorization=f"Bearer {ended}")
    assert client.ask() is None
    client.log_in()
    assert client.token != ended
    assert client.ask()["openid"] == get_openid(client)


def test_five_at_once(client):
    codes = [client.phone.fake.login_code(client.phone.name) for _ in range(5)]
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda code: client.give(code, {}), codes))
    tokens = {client.read(answer.json()) for answer in answers}
    assert len(tokens) == 5
    for client.token in tokens:
        assert client.ask()["openid"] == get_openid(client)


def test_the_same_code_twice(client):
    code = client.phone.fake.login_code(client.phone.name)
    client.log_in(code)
    first = client.token
    client.log_in(code)
    assert client.token != first
    assert client.ask()["openid"] == get_openid(client)


def test_data_under_the_previous_session_key(client):
    client.log_in()
    fake, name = client.phone.fake, client.phone.name
    info = fake.user_info(name, real=True)
    data = {key: info[key] for key in ("encryptedData", "iv")}
    fake.rotate_session_key(name)
    client.log_in(data=data)
    me = client.phone.call("GET", "me/", authorization=f"Bearer {client.token}").json()
    assert me["nickname"] == fake.person(name).nickname


# -- limits, log and errors ----------------------------------------------------------------------


def test_a_refused_code_is_told_in_the_clients_shape(any_client):
    answer = any_client.log_in("made up")
    assert any_client.token == ""
    assert "invalid_code" in str(answer.json()) or answer.json()["errno"] == 400


def test_the_limit_of_login_counts_here_too(any_client):
    for _ in range(LIMIT):
        any_client.log_in()
        assert any_client.token
    refused = any_client.log_in()
    assert any_client.token == ""
    assert int(refused["Retry-After"]) > 0
    # A second view is no second allowance.
    code = any_client.phone.fake.login_code(any_client.phone.name)
    headers = {"X-Forwarded-For": any_client.address}
    answer = any_client.phone.call("POST", "login/", {"code": code}, headers=headers)
    assert answer.status_code == 429


def test_the_log_has_a_line_with_our_code_and_without_theirs(any_client):
    log = any_client.phone.host.folder / "server.log"
    before = len(log.read_text().splitlines())
    any_client.log_in()
    any_client.log_in("made-up")
    path = f"{any_client.login_path}-login"
    lines = [line for line in log.read_text().splitlines()[before:] if line.startswith("access ")]
    status = 200 if any_client.always_200 else 400
    assert lines == [
        f"access {any_client.method} {path} 200  {APP_ONE}",
        f"access {any_client.method} {path} {status} invalid_code {APP_ONE}",
    ]


# -- whatever is sent ----------------------------------------------------------------------------


@pytest.mark.parametrize("body", [[], "x", 1, None, {"authData": []}, {"sk": {}}, {"session": 1}])
@pytest.mark.parametrize("path", ["1/usersv1", "1/wechatApp/checkSessionKey", "werequest/whoami/"])
def test_a_token_of_any_shape_is_no_token(host, new_phone, path, body):
    answer = new_phone(host).send("POST", ROOT + path, body)
    assert answer.status_code in (200, 401)
    assert "openid" not in str(answer.json())


@pytest.mark.parametrize("token", ["made up", "wxa_" + "A" * 43, "\xff"])
def test_a_made_up_token_logs_nobody_in(host, new_phone, token):
    for path, header in [
        ("/api/whoami/", "X-WX-Skey"), (f"{ROOT}1/whoami", "X-Bmob-Session-Token"),
    ]:  # fmt: skip
        headers = {header: token.encode("latin-1")}
        assert new_phone(host).send("GET", path, headers=headers).status_code == 401
