from __future__ import annotations

import pytest

from tests.rows import ONE
from wxauth.services.login.by_code import log_in
from wxauth.services.login.exchange import get_app
from wxauth.types import Secret


@pytest.fixture
def enter(fake_wechat):
    """Let this person log in to this app, as the service does it; ids are WeChat's, if given."""

    def enter(appid=ONE, name="alice", **ids):
        if ids:
            fake_wechat.add_person(name, appid=appid, **ids)
        return log_in(app=get_app(appid), code=Secret(fake_wechat.login_code(name, appid)))

    return enter
