"""The wheel in an empty environment and a fresh project, as somebody else would install it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.wheel

SETTINGS = """
INSTALLED_APPS += ["wxauth"]
WXAUTH = {
    "APPS": {"wx0000000000000001": {"SECRET": "0123456789abcdef0123456789abcdef"}},
    "API_BASE": __import__("os").environ.get("FAKE_URL", "http://127.0.0.1:9"),
    "ENCRYPTION_KEYS": ["dGVzdHMtb25seS1lbmNyeXB0aW9uLWtleS0tLS0tLS0="],
    "LOOKUP_KEY": "dGVzdHMtb25seS1sb29rdXAta2V5LS0tLS0tLS0tLS0=",
}
"""
URLS = """
from django.urls import include
urlpatterns += [path("api/wxauth/", include("wxauth.urls"))]
"""
TEST = """
import pytest

@pytest.mark.django_db
def test_login(client, fake_wechat):
    answer = client.post(
        "/api/wxauth/login/", {"code": fake_wechat.login_code()}, content_type="application/json"
    )
    assert answer.status_code == 200
"""
FAKE = """
from wxauth.testing import FakeWeChat, FakeWeChatServer
fake = FakeWeChat(default_appid="wx0000000000000001")
fake.add_app("wx0000000000000001", "0123456789abcdef0123456789abcdef")
with FakeWeChatServer(fake) as server:
    print(server.url, flush=True)
    input()
"""


def run(*command: Any, cwd: Path, **environment: str) -> str:
    # Nothing of the checkout may leak into what is tried here.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    clean.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=clean | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Built from a copy: setuptools leaves its build folder behind, and would pack what is in it.
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("wxauth", "users", "config", "tests"):
        shutil.copytree(
            ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", source / "dist", ".", cwd=source)
    (built,) = (source / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an empty environment with the wheel, what it asks for, and pytest."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    # The versions that the rest of the suite runs on; without hashes, which the wheel has none of.
    pins = (ROOT / "requirements" / "dev.txt").read_text().splitlines()
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(pin.rstrip(" \\") for pin in pins if "==" in pin[:60]))
    python = folder / "venv" / "bin" / "python"
    run(
        *(python, "-m", "pip", "install", "-c", constraints, wheel, "pytest", "pytest-django"),
        cwd=folder,
    )
    return python


@pytest.fixture(scope="module")
def shop(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh project on ``auth.User``, with the lines of the README, migrated."""
    folder = tmp_path_factory.mktemp("shop")
    run(python, "-m", "django", "startproject", "shop", ".", cwd=folder)
    for name, lines in (("settings.py", SETTINGS), ("urls.py", URLS)):
        with (folder / "shop" / name).open("a") as file:
            file.write(lines)
    run(python, "manage.py", "migrate", cwd=folder)
    return folder


def test_it_holds_the_app_whole_and_nothing_else(wheel: Path):
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if "dist-info/" not in name}
    written = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "wxauth").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == written
    assert "wxauth/py.typed" in packed
    assert any(name.endswith("/django.mo") for name in packed)
    assert "wxauth/migrations/0001_initial.py" in packed


def test_it_says_what_it_needs(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = archive.read(name).decode()
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: ")]
    hard = {
        re.match(r"[\w.-]+", line.split()[1])[0].lower() for line in needed if "extra" not in line
    }
    assert hard == {"django", "djangorestframework", "pycryptodome", "requests", "urllib3"}
    assert "License-Expression: MIT" in metadata


def test_a_fresh_project_has_nothing_to_mend_and_nothing_to_migrate(python: Path, shop: Path):
    assert "no issues" in run(python, "manage.py", "check", cwd=shop)
    run(python, "manage.py", "makemigrations", "--check", "--dry-run", cwd=shop)


def test_somebody_logs_in_to_a_fresh_project_over_a_real_port(python: Path, shop: Path):
    with fake_wechat(python, shop) as fake_url, server(python, shop, fake_url) as url:
        code = urllib.request.urlopen(f"{fake_url}/sandbox/code").read().decode()
        answer = post(f"{url}/api/wxauth/login/", {"code": code})
        assert answer["created"] is True
        request = urllib.request.Request(
            f"{url}/api/wxauth/me/", headers={"Authorization": f"Bearer {answer['token']}"}
        )
        assert json.load(urllib.request.urlopen(request)) == answer["user"]
    count = "from django.contrib.auth.models import User; print(User.objects.count())"
    assert run(python, "manage.py", "shell", "-v0", "-c", count, cwd=shop).strip() == "1"


def test_the_plugin_is_at_hand_in_the_projects_own_tests(python: Path, shop: Path):
    (shop / "test_login.py").write_text(TEST)
    run(python, "-m", "pytest", "--ds=shop.settings", "-W", "error", "test_login.py", cwd=shop)


@contextmanager
def fake_wechat(python: Path, shop: Path) -> Iterator[str]:
    with subprocess.Popen(
        [python, "-c", FAKE], cwd=shop, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        yield process.stdout.readline().strip()
        process.stdin.write("\n")


@contextmanager
def server(python: Path, shop: Path, fake_url: str) -> Iterator[str]:
    serve = (
        "from wsgiref.simple_server import make_server; from shop.wsgi import application as shop;"
        "server = make_server('127.0.0.1', 0, shop); print(server.server_port, flush=True);"
        "server.serve_forever()"
    )
    environment = os.environ | {"FAKE_URL": fake_url, "DJANGO_SETTINGS_MODULE": "shop.settings"}
    with subprocess.Popen(
        [python, "-c", serve], cwd=shop, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.terminate()


def post(url: str, body: dict[str, str]) -> Any:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)
