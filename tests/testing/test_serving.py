from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import Http, login_path

pytestmark = pytest.mark.waits

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = '{"people": [{"name": "carol", "openid": "oCarol"}]}'
SETTINGS = """
SECRET_KEY = "x"
DEBUG = {debug}
USE_TZ = True
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "wxauth"]
WXAUTH = {wxauth}
"""


def environment(directory: Path | None = None, module: str | None = None) -> dict[str, str]:
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("DJANGO_", "PYTEST_", "PYTHON", "WXAUTH_"))
    }
    path = [str(ROOT)] + ([str(directory)] if directory else [])
    kept |= {"PYTHONPATH": os.pathsep.join(path), "PYTHONIOENCODING": "utf-8"}
    return kept | ({"DJANGO_SETTINGS_MODULE": module} if module else {})


@contextmanager
def running(command: list[str], env: dict[str, str]):
    """The process and the URL that it printed; it must stop cleanly at SIGTERM."""
    process = subprocess.Popen(
        [sys.executable, *command],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    # A process that prints nothing would be waited for without end.
    watchdog = threading.Timer(20, process.kill)
    watchdog.start()
    try:
        printed = ""
        while "/sandbox/code?" not in printed:
            line = process.stdout.readline()
            if not line:
                pytest.fail(printed + process.stderr.read())
            printed += line
        client = Http(re.search(r"http://[0-9.]+:\d+", printed).group())
        yield client
        client.connection.close()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def project(tmp_path: Path, wxauth: dict, debug: bool = True) -> dict[str, str]:
    text = SETTINGS.format(debug=debug, wxauth=repr(wxauth))
    (tmp_path / "sandbox_settings.py").write_text(text)
    return environment(tmp_path, "sandbox_settings")


def test_the_module_serves_without_django(tmp_path):
    (tmp_path / "people.json").write_text(PEOPLE)
    command = ["-m", "wxauth.testing", "--port", "0", "--load", str(tmp_path / "people.json")]
    with running(command, environment()) as client:
        code = client.text("GET", "/sandbox/code?person=carol")[1]
        answer = client.json("GET", login_path(code, "wx5a4db0c0ffee0001", "sandbox"))[1]
        assert answer["openid"] == "oCarol"


def test_the_module_knows_the_apps_that_it_was_told(tmp_path):
    with running(
        ["-m", "wxauth.testing", "--port", "0", "--app", "wxa:s", "--app", "wxb:t"], environment()
    ) as client:
        code = client.text("GET", "/sandbox/code?appid=wxb")[1]
        assert "openid" in client.json("GET", login_path(code, "wxb", "t"))[1]
        assert client.json("GET", login_path("x", "wxb", "s"))[1]["errcode"] == 40125
        assert client.json("GET", login_path("x", "wxa", "s"))[1]["errcode"] == 40029
        assert client.json("GET", login_path("x", "wxc", "sandbox"))[1]["errcode"] == 40013


@pytest.mark.parametrize(
    "options", [["--app", "wxa"], ["--load", "/nowhere"], ["--port", "x"], ["--port", "99999"]]
)
def test_the_module_says_what_is_wrong_with_its_options(options):
    command = [sys.executable, "-m", "wxauth.testing", *options]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_serves_the_default_app_and_any_code_of_any_app(tmp_path):
    env = project(tmp_path, {"SANDBOX": True, "API_BASE": "http://127.0.0.1:1"})
    (tmp_path / "people.json").write_text(PEOPLE)
    command = ["-m", "django", "wxauth_sandbox", "--port", "0"]
    with running([*command, "--load", str(tmp_path / "people.json")], env) as client:
        code = client.text("GET", "/sandbox/code?person=carol")[1]
        answer = client.json("GET", login_path(code, "wx5a4db0c0ffee0001", "sandbox"))[1]
        assert answer["openid"] == "oCarol"
        mock = login_path("the%20code%20is%20a%20mock%20one", "wxanything", "sandbox")
        assert "openid" in client.json("GET", mock)[1]


def test_the_command_is_strict_with_configured_apps_and_no_sandbox(tmp_path):
    app = {"wxa": {"SECRET": "s", "PLATFORM": "shop"}}
    env = project(tmp_path, {"APPS": app})
    with running(["-m", "django", "wxauth_sandbox", "--port", "0"], env) as client:
        assert client.json("GET", login_path("x", "wxa", "s"))[1]["errcode"] == 40029
        assert client.json("GET", login_path("x", "wxb", "sandbox"))[1]["errcode"] == 40013
        code = client.text("GET", "/sandbox/code")[1]
        assert "unionid" in client.json("GET", login_path(code, "wxa", "s"))[1]


@pytest.mark.parametrize(
    ("debug", "options", "says"),
    [
        (False, [], "DEBUG is off"),
        (True, ["--load", "/nowhere"], "/nowhere"),
        (True, [], "in use"),
    ],
)
def test_the_command_says_why_it_will_not_start(tmp_path, served, debug, options, says):
    # The port of API_BASE is the default; a fake is on it already.
    env = project(tmp_path, {"SANDBOX": True, "API_BASE": served.url}, debug)
    command = [sys.executable, "-m", "django", "wxauth_sandbox", *options]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_neither_the_plugin_nor_the_fake_imports_django_or_the_rest_of_wxauth():
    program = (
        "import sys, wxauth.testing.plugin, wxauth.testing.__main__\n"
        "print(*[m for m in sys.modules if m.split('.')[0] in ('django', 'rest_framework')\n"
        "  or m.split('.')[0] == 'wxauth' and m != 'wxauth'"
        " and not m.startswith('wxauth.testing')])"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=20)
    assert (done.stdout.strip(), done.stderr) == ("", "")


STORY = """
import json
from urllib.request import urlopen

import pytest
from django.conf import settings
from wxauth.conf import conf


def exchange(fake_wechat, appid, code):
    app = conf.get_app(appid)
    return json.load(urlopen(
        f"{conf.API_BASE}/sns/jscode2session?appid={app.appid}&secret={app.secret.reveal()}"
        f"&js_code={code}&grant_type=authorization_code"))


def test_the_project_is_pointed_at_the_fake(fake_wechat):
    assert conf.API_BASE == fake_wechat.url and settings.WXAUTH["SANDBOX"] is False
    assert conf.get_app().appid == fake_wechat.default_appid
    for appid in conf.APPS:
        answer = exchange(fake_wechat, appid, fake_wechat.login_code("alice", appid))
        assert answer["unionid"] == fake_wechat.person("alice").unionid("default")
    assert len(fake_wechat.calls) == len(conf.APPS) == EXPECTED


def test_the_next_test_gets_a_fresh_one(fake_wechat):
    assert fake_wechat.calls == []


def test_and_without_it_the_settings_are_the_projects_own():
    assert "API_BASE" not in settings.WXAUTH and settings.WXAUTH["TOKEN_TTL"] == 60
"""


@pytest.mark.parametrize(
    ("apps", "expected"),
    [({}, 2), ({"wxa": {"SECRET": "s"}, "wxb": {"SECRET": "t"}, "wxc": {"SECRET": "u"}}, 3)],
)
def test_the_fixture_in_somebody_elses_project(tmp_path, apps, expected):
    wxauth = {"SANDBOX": True, "TOKEN_TTL": 60, "APPS": apps}
    if apps:
        wxauth["DEFAULT_APP"] = "wxb"
    env = project(tmp_path, wxauth) | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    (tmp_path / "test_story.py").write_text(STORY.replace("EXPECTED", str(expected)))
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    plugins = [
        "-p",
        "pytest_django.plugin",
        "-p",
        "wxauth.testing.plugin",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, "."],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_the_defaults_of_the_sandbox_are_those_of_the_settings():
    from wxauth import conf
    from wxauth.testing import state

    assert state.ANY_APPID == conf.SANDBOX_APPID
    assert conf.SANDBOX_SECRET.reveal() == state.ANY_SECRET
