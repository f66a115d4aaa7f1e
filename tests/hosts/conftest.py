from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from wxauth.testing import FakeWeChat, FakeWeChatServer

from .hosting import Host, serve
from .phone import APP_ONE, APP_TWO, Phone
from .variants import ACCOUNT, MOBILE, SITE, VARIANTS

_people = itertools.count(1)


@pytest.fixture(scope="session")
def wechat() -> Iterator[FakeWeChatServer]:
    fake = FakeWeChat(default_appid=APP_ONE)
    fake.add_app(APP_ONE, "secret-of-app-one")
    fake.add_app(APP_TWO, "secret-of-app-two")
    fake.add_app(SITE, "secret-of-the-site", kind="website", domain="127.0.0.1")
    fake.add_app(ACCOUNT, "secret-of-the-account", kind="officialaccount", domain="127.0.0.1")
    fake.add_app(MOBILE, "secret-of-the-mobile-app", kind="mobileapp")
    with FakeWeChatServer(fake) as server:
        yield server


@pytest.fixture(scope="session")
def get_host(
    wechat: FakeWeChatServer,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: Any,
) -> Iterator[Callable[[str], Host]]:
    """The host of this variant, served from its first test to the end of the run."""
    running: dict[str, Host] = {}
    stack = ExitStack()

    def get(variant: str) -> Host:
        if variant not in running:
            chosen = VARIANTS[variant]
            folder = tmp_path_factory.mktemp(variant.replace("-", "_"))
            project = serve(chosen.host, folder, wechat, changes=chosen.changes, files=chosen.files)
            with django_db_blocker.unblock():
                running[variant] = stack.enter_context(project)
        return running[variant]

    yield get
    with django_db_blocker.unblock():
        stack.close()


@pytest.fixture
def new_phone(wechat: FakeWeChatServer) -> Iterator[Callable[[Host], Phone]]:
    """The phone of somebody whom no test has met yet."""

    def make(host: Host) -> Phone:
        number = next(_people)
        name = f"person-{number}"
        wechat.fake.add_person(name, nickname=f"小{number}", phone=f"139{number:08}")
        return Phone(host, name)

    yield make
    wechat.fake.faults.clear()
