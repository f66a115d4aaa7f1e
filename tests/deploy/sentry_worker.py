"""A process with Sentry in it: everything that it would send comes out on stdout instead.

``python -m tests.deploy.sentry_worker FILE``: FILE is what stands at the end of the settings.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

import django
import environ

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

import sentry_sdk  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import RequestFactory, override_settings  # noqa: E402
from sentry_sdk.transport import Transport  # noqa: E402

from wxauth.testing import FakeWeChat, FakeWeChatServer  # noqa: E402

ONE = "wx0000000000000001"
sent = []
planted = {"AppSecret": "secret-of-app-one"}


class Captured(Transport):
    def capture_envelope(self, envelope):
        sent.append(envelope.serialize().decode())


def initialize(source):
    """With a transport of our own, whatever the documented settings are, and everything traced."""
    original = sentry_sdk.init

    def init(**options):
        options |= {"dsn": "https://key@sentry.invalid/1", "transport": Captured}
        original(**options, traces_sample_rate=1.0)

    sentry_sdk.init = init
    exec(compile(source, "settings", "exec"), {"env": environ.Env()})


def bug(*arguments, **named):
    raise RuntimeError("a bug")


def live(fake):
    """Bugs in a login, a decryption and a token check, each with secrets all around it."""
    # Not the test client, which goes around the door that Sentry stands at.
    application, factory = get_wsgi_application(), RequestFactory()

    def send(path, body, token=None, query=""):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"X-Forwarded-For": "203.0.113.7", "Cookie": "sessionid=canary-cookie"}
        request = factory.generic(
            "POST", f"/api/wxauth/{path}{query}", json.dumps(body), "application/json",
            headers=headers,
        )  # fmt: skip
        answer = []
        chunks = application(request.environ, lambda status, headers: answer.append(status))
        content = b"".join(chunks)
        chunks.close()
        return int(answer[0].split()[0]), json.loads(content)

    planted["cookie"], planted["address"] = "canary-cookie", "203.0.113.7"
    planted["phone"] = "13912345678"
    fake.add_person("alice", phone=planted["phone"])
    token = planted["token"] = send("login/", {"code": fake.login_code("alice", ONE)})[1]["token"]
    data = fake.phone_data("alice", ONE)
    planted["encrypted data"] = data["encryptedData"]

    from wxauth.services.data import opening, session_keys
    from wxauth.services.login import signing_in

    for module, name, path, body in (
        (signing_in, "open_login", "login/", {"code": fake.login_code("alice", ONE), **data}),
        (session_keys, "seal", "login/", {"code": fake.login_code("alice", ONE)}),
        (opening, "open_data", "decrypt/", data),
    ):
        planted[f"code for {name}"] = body.get("code", "none-was-sent")
        former = getattr(module, name)
        setattr(module, name, bug)
        assert send(path, body, token, f"?t={token}")[0] == 500, path
        setattr(module, name, former)
    logging.getLogger("wxauth.api").error("An error in the log.")


initialize(Path(sys.argv[1]).read_text())
call_command("migrate", verbosity=0)
fake = FakeWeChat()
fake.add_app(ONE, planted["AppSecret"])
with FakeWeChatServer(fake) as server:
    from django.conf import settings

    with override_settings(WXAUTH={**settings.WXAUTH, "API_BASE": server.url}):
        live(fake)
connection.close()
Path(connection.settings_dict["NAME"]).unlink(missing_ok=True)
sentry_sdk.flush()
print(json.dumps({"sent": sent, "planted": planted}))
