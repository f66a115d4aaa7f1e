"""The pytest plugin: the fixture ``fake_wechat``, and nothing written in the background.

Loaded at the start of every pytest run of a project that has wxauth installed, hence no Django
here: pytest-django has not set it up yet.
"""

from __future__ import annotations

import atexit
import sys
from collections.abc import Iterator

import pytest

from .fake import FakeWeChat
from .server import FakeWeChatServer

#: The apps of a project that has configured none: two mini-programs of one platform.
APPIDS = ("wx0000000000000001", "wx0000000000000002")


@pytest.fixture(scope="session")
def _fake_wechat_server() -> Iterator[FakeWeChatServer]:
    with FakeWeChatServer(FakeWeChat()) as server:
        yield server


@pytest.fixture(autouse=True)
def _counts_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's test expects a thread that writes to the database meanwhile, or to the project's
    own one when the run is over."""
    counting = sys.modules.get("wxauth.services.counting")
    if counting is not None:
        atexit.unregister(counting.flush)
        monkeypatch.setattr(counting.Counts, "start", lambda self: None)


@pytest.fixture
def fake_wechat(
    request: pytest.FixtureRequest, _fake_wechat_server: FakeWeChatServer
) -> Iterator[FakeWeChat]:
    """A fresh ``FakeWeChat`` on a real port (``.url``), with the project pointed at it.

    It knows the apps in ``WXAUTH["APPS"]``; where there are none, two are configured for the
    test. Needs pytest-django, for its ``settings``.
    """
    settings = request.getfixturevalue("settings")
    from wxauth.conf import conf

    changes = {"API_BASE": _fake_wechat_server.url, "SANDBOX": False}
    if not conf.APPS:
        apps = {appid: {"SECRET": f"secret-of-{appid}"} for appid in APPIDS}
        changes |= {"APPS": apps, "DEFAULT_APP": APPIDS[0]}
    settings.WXAUTH = {**conf.declared, **changes}

    fake = FakeWeChat(default_appid=conf.DEFAULT_APP)
    for app in conf.APPS.values():
        fake.add_app(app.appid, app.secret.reveal(), platform=app.platform)
    _fake_wechat_server.fake = fake
    yield fake
    fake.faults.clear()
