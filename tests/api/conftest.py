from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from tests.api.phone import APP_TWO, Phone
from tests.statements import capture_statements
from wxauth import wiring
from wxauth.adapter import Adapter
from wxauth.crypto import payload
from wxauth.crypto.keyring import Keyring
from wxauth.models import Identity, Login, OpenId, Person
from wxauth.services import stores
from wxauth.testing import FakeWeChat
from wxauth.wechat.transport import Transport


@pytest.fixture
def alice(db: None, fake_wechat: FakeWeChat) -> Phone:
    return Phone(fake_wechat, "alice")


@pytest.fixture
def bob(db: None, fake_wechat: FakeWeChat) -> Phone:
    return Phone(fake_wechat, "bob")


@pytest.fixture
def eve(db: None, fake_wechat: FakeWeChat) -> Phone:
    return Phone(fake_wechat, "eve")


@pytest.fixture
def alice_in_two(alice: Phone, fake_wechat: FakeWeChat) -> Phone:
    """alice, who uses the second mini-program as well."""
    return Phone(fake_wechat, "alice", APP_TWO)


@pytest.fixture
def configure(settings: Any, fake_wechat: FakeWeChat) -> Callable[..., None]:
    """Change keys of ``WXAUTH`` for this test."""

    def change(**keys: Any) -> None:
        settings.WXAUTH = {**settings.WXAUTH, **keys}

    return change


@pytest.fixture
def adapter(
    configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> Callable[[type[Adapter]], None]:
    """Let this class be the project's adapter for this test."""

    def use(kind: type[Adapter]) -> None:
        monkeypatch.setattr(f"{__name__}.ChosenAdapter", kind)
        configure(ADAPTER=f"{__name__}.ChosenAdapter")

    return use


ChosenAdapter = Adapter


@pytest.fixture
def impatient(
    fake_wechat: FakeWeChat, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """WeChat's deadline is half a second, so that a test of silence does not take five."""

    @cache
    def get_transport() -> Transport:
        return Transport(
            settings.WXAUTH["API_BASE"], connect_timeout=0.3, read_timeout=0.3, deadline=0.5
        )

    with monkeypatch.context() as patch:
        patch.setattr(wiring, "get_transport", get_transport)
        yield
        get_transport().close()


@pytest.fixture
def count_rows(db: None) -> Callable[[], dict[str, int]]:
    """How many rows there are of everything that a login writes."""

    def count() -> dict[str, int]:
        models = (get_user_model(), Person, Identity, OpenId, Login)
        return {model.__name__: model._default_manager.count() for model in models}

    return count


@pytest.fixture
def assert_nothing_written(count_rows: Callable[[], dict[str, int]]) -> Iterator[None]:
    before = count_rows()
    yield
    assert count_rows() == before


@pytest.fixture
def costs(
    fake_wechat: FakeWeChat, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], Any]], dict[str, int]]:
    """What one request cost, of what costs anything: for ``transaction=True``, else there are
    savepoints in place of BEGIN and COMMIT."""
    spent: Counter[str] = Counter()

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            spent[name] += 1
            return function(*args, **kwargs)

        return run

    @contextmanager
    def counting() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(stores, "run", counted("cache", stores.run))
            for name in ("seal", "open"):
                patch.setattr(Keyring, name, counted(name, getattr(Keyring, name)))
            patch.setattr(payload, "decrypt", counted("decrypt", payload.decrypt))
            patch.setattr(threading.Thread, "start", counted("threads", threading.Thread.start))
            yield

    def measure(act: Callable[[], Any]) -> dict[str, int]:
        spent.clear()
        calls = len(fake_wechat.calls)
        with counting(), capture_statements(all_of_them=True) as statements:
            answer = act()
        assert answer.status_code in (200, 302), answer.content
        spent["statements"] = len(statements)
        spent["wechat"] = len(fake_wechat.calls) - calls
        return {name: count for name, count in spent.items() if count}

    return measure
