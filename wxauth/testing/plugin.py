"""The pytest plugin: the fixtures ``fake_wechat``, ``wxauth_login`` and ``wxauth_push``.

Loaded at the start of every pytest run of a project that has wxauth installed, hence no Django
here: pytest-django has not set it up yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .fake import FakeWeChat
from .logins import LiveLogin, log_in
from .push import Push, deliver
from .server import FakeWeChatServer

#: Token and EncodingAESKey of apps that have none.
PUSH = ("token-of-the-tests", "t" * 43)

#: The apps of a project that has configured none: two mini-programs of one platform.
APPIDS = ("wx0000000000000001", "wx0000000000000002")


@pytest.fixture(scope="session")
def _fake_wechat_server() -> Iterator[FakeWeChatServer]:
    with FakeWeChatServer(FakeWeChat()) as server:
        yield server


@pytest.fixture
def fake_wechat(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    _fake_wechat_server: FakeWeChatServer,
) -> Iterator[FakeWeChat]:
    """A fresh ``FakeWeChat`` on a real port (``.url``), with the project pointed at it.

    It knows the apps in ``WXAUTH["APPS"]``; where there are none, two are configured for the
    test. Needs pytest-django, for its ``settings``.
    """
    settings = request.getfixturevalue("settings")
    from wxauth.conf import conf
    from wxauth.services.journal import counts

    # What earlier tests counted is not written among the statements of this one.
    monkeypatch.setattr(counts, "_by_process", {})
    url = _fake_wechat_server.url
    changes = {"API_BASE": url, "OPEN_BASE": url, "SANDBOX": False}
    if not conf.APPS:
        apps = {appid: {"SECRET": f"secret-of-{appid}"} for appid in APPIDS}
        changes |= {"APPS": apps, "DEFAULT_APP": APPIDS[0]}
    settings.WXAUTH = {**conf.declared, **changes}

    fake = FakeWeChat(default_appid=conf.DEFAULT_APP)
    for app in conf.APPS.values():
        fake.add_app(app.appid, app.secret.reveal(), platform=app.platform, kind=app.kind.value)
    _fake_wechat_server.fake = fake
    yield fake
    fake.faults.clear()


@pytest.fixture
def wxauth_login(request: pytest.FixtureRequest) -> Callable[..., LiveLogin]:
    """``wxauth.testing.log_in(user, appid=None)``, with the database of the test.

    Needs pytest-django, for its ``db``.
    """
    request.getfixturevalue("db")
    return log_in


@pytest.fixture
def wxauth_push(request: pytest.FixtureRequest, fake_wechat: FakeWeChat) -> Callable[..., Any]:
    """WeChat pushes to the project, up to three times; the answer to the last one comes back.

    ``wxauth_push("user_authorization_revoke", "alice", RevokeInfo="6")`` takes what
    ``FakeWeChat.push`` takes; instead of the event, a ``Push`` that it made. Apps without ``PUSH``
    get one for the test. Needs pytest-django, for its ``client`` and ``db``.
    """
    request.getfixturevalue("db")
    client, settings = request.getfixturevalue("client"), request.getfixturevalue("settings")
    from django.urls import reverse

    from wxauth.conf import conf

    apps = {appid: dict(row) for appid, row in conf.declared["APPS"].items()}
    for appid, row in apps.items():
        if not row.get("PUSH", {}).get("AES_KEYS"):
            row["PUSH"] = {"TOKEN": PUSH[0], "AES_KEYS": [PUSH[1]]}
        fake_wechat.set_push_keys(appid, row["PUSH"]["TOKEN"], row["PUSH"]["AES_KEYS"][0])
    settings.WXAUTH = {**conf.declared, "APPS": apps}

    def push(what: str | Push, person: Any = None, appid: str | None = None, **how: Any) -> Any:
        sent = fake_wechat.push(what, person, appid, **how) if isinstance(what, str) else what
        url = reverse("wxauth:push", args=[appid or fake_wechat.default_appid])
        answers: list[Any] = []

        def send() -> tuple[int, bytes]:
            answers.append(
                client.generic("POST", url, sent.body, sent.content_type, query_params=sent.query)
            )
            return answers[-1].status_code, answers[-1].content

        deliver(send)
        return answers[-1]

    return push
