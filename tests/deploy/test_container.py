"""The whole project in a container that is told its port: WeChat Cloud Hosting (微信云托管)."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
from contextlib import closing
from urllib.parse import urlencode

import pytest
from django.db import connection

from wxauth.crypto.keyring import generate_key
from wxauth.testing import FakeWeChat, FakeWeChatServer

from .stack import APP_SECRET, APPID, BIN, Nginx, Project, Server, free_port, is_heard, wait_for

pytestmark = pytest.mark.waits

ENVIRONMENT = "prod-1a2b3c4d"
HOST = "container.example.com"


class Container(Server):
    """The image's command, in the image's files, with nothing but variables."""

    def __init__(self, folder, project, variables):
        super().__init__(folder, "container")
        self.port = free_port()
        self._project = project
        self._variables = {"PATH": os.environ["PATH"], "PORT": str(self.port), **variables}

    def start(self):
        self.spawn(
            BIN / "gunicorn", "-c", "deploy/gunicorn.conf.py",
            cwd=self._project.folder, env=self._variables,
        )  # fmt: skip
        wait_for(lambda: self.process.poll() is not None or is_heard(self.port), 60)
        assert self.process.poll() is None, self.output.read_text()

    def ask(self, method, path, body=None, **headers):
        """As the gateway does: by plain HTTP, with what it knows in headers."""
        told = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as wire:
            sent = None if body is None else json.dumps(body)
            kind = {} if body is None else {"Content-Type": "application/json"}
            wire.request(method, path, sent, {**told, **kind, **headers})
            answer = wire.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())


@pytest.fixture
def database(tmp_path):
    """The variables that say where it is: those of Cloud Hosting, where it is a MySQL's like."""
    if connection.vendor == "postgresql":
        pytest.skip("Cloud Hosting brings MySQL.")
    if connection.vendor == "sqlite":
        yield {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
        return
    told, name = connection.settings_dict, "test_wxauth_container"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield {
        "MYSQL_ADDRESS": f"{told['HOST']}:{told['PORT'] or 3306}",
        "MYSQL_USERNAME": told["USER"],
        "MYSQL_PASSWORD": told["PASSWORD"],
        "MYSQL_DATABASE": name,
    }
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name}")


@pytest.fixture
def wechat():
    fake = FakeWeChat()
    fake.add_app(APPID, APP_SECRET)
    with FakeWeChatServer(fake):
        yield fake


@pytest.fixture
def container(tmp_path, database, wechat):
    project = Project(tmp_path, {})
    # While the image is built: no settings at all.
    project.manage("collectstatic", "--noinput", "--verbosity", "0")
    (project.folder / ".env").unlink()
    container = Container(
        tmp_path,
        project,
        {
            "CBR_ENV_ID": ENVIRONMENT,
            "SECRET_KEY": "for-one-run-only-0123456789-0123456789-0123456789-abc",
            "ALLOWED_HOSTS": HOST,
            "TRUSTED_PROXIES": "1",
            "WEB_MIGRATE": "True",
            "WXAUTH_CLOUD": "True",
            "WXAUTH_API_BASE": wechat.url,
            "WXAUTH_APPID": APPID,
            "WXAUTH_SECRET": APP_SECRET,
            "WXAUTH_ENCRYPTION_KEYS": generate_key(),
            "WXAUTH_LOOKUP_KEY": generate_key(),
            **database,
        },
    )
    container.start()
    yield container
    container.end()


@pytest.mark.django_db(transaction=True)
def test_the_project_starts_at_its_port_and_alice_logs_in_without_a_code(
    container, wechat, monkeypatch
):
    monkeypatch.setenv("CBR_ENV_ID", ENVIRONMENT)
    headers = wechat.cloud_headers("alice")
    # Migrated by nobody but itself.
    assert container.ask("GET", "/readyz")[0] == 200
    status, body, _ = container.ask("POST", "/api/wxauth/login/", {}, **headers)
    answer = json.loads(body)
    assert (status, answer["created"]) == (200, True)
    bearer = {"Authorization": f"Bearer {answer['token']}"}
    status, body, _ = container.ask("GET", "/api/wxauth/me/", **bearer)
    assert json.loads(body)["id"] == answer["user"]["id"]
    # No code was sent, and no access_token was needed.
    assert wechat.calls == []
    # The same port has the admin, with its files, over what the gateway says is https.
    assert container.ask("GET", "/static/admin/css/base.css")[0] == 200
    status, _, told = container.ask("GET", "/admin/login/")
    assert (status, "Secure" in told["Set-Cookie"]) == (200, True)
    # Forged or foreign ones open nothing.
    status, body, _ = container.ask(
        "POST", "/api/wxauth/login/", {}, **{**headers, "X-WX-ENV": "prod-eve"}
    )
    assert (status, json.loads(body)["code"]) == (400, "invalid_code")
    # A code is as good as ever.
    status, _, _ = container.ask("POST", "/api/wxauth/login/", {"code": wechat.login_code("alice")})
    assert status == 200
    log = container.output.read_text()
    assert answer["token"] not in log
    assert headers["X-WX-OPENID"] not in log


@pytest.mark.skipif(shutil.which("nginx", path="/usr/sbin:/usr/bin") is None, reason="no nginx")
def test_no_log_of_nginx_holds_what_wechats_servers_send(tmp_path):
    """Not even where there is nobody behind it, which nginx itself has to say."""
    nginx = Nginx(tmp_path, tmp_path / "nobody.sock")
    nginx.start()
    try:
        query = urlencode({"appid": APPID, "token": "wxa_t0ken", "code": "c0de"})
        for path in ("/api/wxauth/prefetch/", "/api/wxauth/prefetch", "/api/wxauth/me/"):
            wire = http.client.HTTPSConnection(
                "127.0.0.1", nginx.port, timeout=20, context=_trusting()
            )
            with closing(wire):
                asked = f"{path}?{query}" if "prefetch" in path else path
                wire.request("GET", asked, headers={"Host": "api.example.com"})
                assert wire.getresponse().status == 503
        with closing(http.client.HTTPConnection("127.0.0.1", nginx.plain_port)) as wire:
            wire.request(
                "GET", f"/api/wxauth/prefetch/?{query}", headers={"Host": "api.example.com"}
            )
            assert wire.getresponse().status == 308
    finally:
        nginx.end()
    logs = "".join(path.read_text() for path in nginx.folder.rglob("*.log"))
    assert '"path":"/api/wxauth/prefetch/","status":503' in logs
    # What goes wrong elsewhere is told as ever.
    assert "connect() to unix:" in logs
    assert "wxa_t0ken" not in logs
    assert "c0de" not in logs


def _trusting():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
