"""The pytest plugin: the fixtures ``fake_wechat`` and ``wxauth_login``.

Loaded at the start of every pytest run of a project that has wxauth installed, hence no Django
here: pytest-django has not set it up yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .fake import FakeWeChat
from .logins import LiveLogin, log_in
from .server import FakeWeChatServer

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
