from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.waits

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def port() -> int:
    """A free port with a free one after it."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            number = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", number + 1))
            except OSError:
                continue
        return number


@pytest.fixture
def project(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The project in an English terminal, on an empty database of its own."""
    return environment | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": f"sqlite:///{tmp_path}/dev.sqlite3",
        "PYTHONUNBUFFERED": "1",
        "LC_ALL": "C.UTF-8",
    }


def manage(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


class Dev:
    """A running ``manage.py dev``, read up to the end of its greeting."""

    def __init__(self, environment: dict[str, str], port: int, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "dev", "--port", str(port), *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if line.startswith("Stop with"):
                break

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        self.rest, _ = self.process.communicate(timeout=20)
        return self.process.returncode


@pytest.fixture
def dev(project: dict[str, str], port: int) -> Iterator[Dev]:
    manage(project, "migrate", "-v0")
    dev = Dev(project, port)
    yield dev
    if dev.process.poll() is None:
        dev.end(signal.SIGTERM)


def shell(line: str) -> Any:
    return json.loads(subprocess.check_output(line, shell=True))


def refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_newcomer_logs_in_with_the_printed_line_and_stops_with_ctrl_c(dev: Dev, port: int):
    line = next(line for line in dev.said.splitlines() if "curl" in line and "login/" in line)
    answer = shell(line)
    assert answer["token"].startswith("wxa_")
    assert answer["created"] is True

    me = f"curl -s http://127.0.0.1:{port}/api/wxauth/me/ -H 'Authorization: Bearer {{}}'"
    assert shell(me.format(answer["token"]))["id"] == answer["user"]["id"]

    assert dev.end(signal.SIGINT) == 0
    assert refuses(port)
    assert refuses(port + 1)


def test_the_password_is_shown_once_and_lets_the_admin_in(
    dev: Dev, project: dict[str, str], port: int
):
    found = re.search(r"Admin login  admin / (\S+)", dev.said)
    assert found
    password = found[1]
    script = (
        "from django.contrib.auth import authenticate;"
        f"print(authenticate(username='admin', password='{password}').is_superuser)"
    )
    assert manage(project, "shell", "-v0", "-c", script).stdout.strip() == "True"
    assert dev.end(signal.SIGTERM) == 0

    again = Dev(project, port)
    again.end(signal.SIGTERM)
    assert password not in again.said
    assert "changepassword admin" in again.said


def test_eves_web_page_reaches_nothing_by_a_name_of_its_own(dev: Dev, port: int):
    """DNS rebinding: a page that the developer visits gives its own name this machine's address."""
    for offset, path in ((0, "/api/wxauth/me/"), (1, "/sandbox/code"), (1, "/")):
        for host in ("eve.example", f"eve.example:{port + offset}", "127.0.0.1.eve.example"):
            status, body = ask(f"http://127.0.0.1:{port + offset}{path}", host)
            assert status in {400, 421}, (path, host)
            assert len(body) < 1000
    assert ask(f"http://127.0.0.1:{port + 1}/sandbox/code", "localhost")[0] == 200
    assert "Attention" not in dev.said


def test_an_open_host_says_what_it_opens_and_lets_a_phone_in(project: dict[str, str], port: int):
    manage(project, "migrate", "-v0")
    dev = Dev(project, port, "--host", "0.0.0.0")
    try:
        (line,) = [line for line in dev.said.splitlines() if line.startswith("Attention")]
        name = line.partition("under ")[2].partition(",")[0]
        me = f"http://127.0.0.1:{port}/api/wxauth/me/"
        assert ask(me, f"{name}:{port}")[0] == 401
        assert ask(me, "eve.example")[0] == 400
        # WeChat's pages, too, stand where a phone can open them; a machine in no network has none.
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/wechat/start/wx5a4db0c0ffee0006/", headers={"Host": name})
        to = connection.getresponse().headers["Location"]
        connection.close()
        assert urlsplit(to).port == port + 1
        assert urlsplit(to).hostname == (name if re.fullmatch(r"[\d.]+", name) else "127.0.0.1")
    finally:
        dev.end(signal.SIGTERM)


def ask(url: str, host: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_when_the_sandbox_dies_the_server_ends_too(dev: Dev, port: int):
    children = Path(f"/proc/{dev.process.pid}/task/{dev.process.pid}/children")
    if not children.exists():
        pytest.skip("needs Linux's /proc")
    sandbox = children.read_text().split()[0]
    subprocess.run(["kill", "-9", sandbox], check=True)
    rest, _ = dev.process.communicate(timeout=20)
    assert dev.process.returncode == 1
    assert "has ended" in rest
    assert refuses(port)


@pytest.mark.parametrize("offset", [0, 1])
def test_an_occupied_port_is_named(project: dict[str, str], port: int, offset: int):
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", port + offset))
        occupant.listen()
        done = manage(project, "dev", "--port", str(port))
    assert done.returncode == 1
    assert f"127.0.0.1:{port + offset}" in done.stderr
    assert "make run PORT=" in done.stderr


def test_it_is_for_development_only(project: dict[str, str]):
    done = manage(project | {"SECRET_KEY": "x" * 50}, "dev")
    assert done.returncode == 1
    assert "DEBUG is off" in done.stderr


def test_a_chinese_terminal_is_spoken_to_in_chinese(project: dict[str, str]):
    terminal = {"SECRET_KEY": "x" * 50, "LC_ALL": "zh_CN.UTF-8", "PYTHONUTF8": "1"}
    assert "仅供开发使用" in manage(project | terminal, "dev").stderr
