from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import (  # noqa: F401 - fixtures
    adapter,
    assert_nothing_written,
    configure,
    costs,
    count_rows,
    impatient,
)
from wxauth.testing import FakeWeChat

from .people import ACCOUNT, SITE, Browser


@pytest.fixture(autouse=True)
def _doors(settings: Any) -> None:
    """A website and an official account of the platform of the two mini-programs."""
    apps = {
        **settings.WXAUTH["APPS"],
        SITE: {"SECRET": "secret-of-the-site", "KIND": "website"},
        ACCOUNT: {"SECRET": "secret-of-the-account", "KIND": "officialaccount"},
    }
    settings.WXAUTH = {**settings.WXAUTH, "APPS": apps}
    settings.ROOT_URLCONF = "tests.web.urls"


@pytest.fixture
def browser(db: None, fake_wechat: FakeWeChat) -> Browser:
    return Browser(fake_wechat)


@pytest.fixture
def another(db: None, fake_wechat: FakeWeChat) -> Browser:
    return Browser(fake_wechat)


@pytest.fixture
def open_browser(db: None, fake_wechat: FakeWeChat) -> Callable[..., Browser]:
    return lambda **headers: Browser(fake_wechat, **headers)
