"""``extra``: what a mini-program tells the project's adapter at a first login."""

from __future__ import annotations

import pytest

from tests.api.contract import assert_error
from tests.api.phone import call, log_in
from wxauth.adapter import Adapter

pytestmark = pytest.mark.django_db


class KeepsExtra(Adapter):
    seen: list[object] = []

    def build_user(self, *, extra, **about):
        self.seen.append(extra)
        return super().build_user(extra=extra, **about)


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"channel": "poster-7", "count": 3, "share": 0.5, "first": True, "inviter": None},
        {"一": "二", "😀": "👨‍👩‍👧"},
        {"note": "x" * 2036},
    ],
    ids=["empty", "every kind", "unicode", "2 KB"],
)
def test_extra_reaches_the_adapter_as_it_was_sent(fake_wechat, client, adapter, extra):
    KeepsExtra.seen.clear()
    adapter(KeepsExtra)
    assert log_in(client, fake_wechat, extra=extra).status_code == 200
    assert KeepsExtra.seen == [extra]


@pytest.mark.parametrize(
    "extra",
    [{"note": "x" * 2037}, {"note": "字" * 700}, {"a": {}}, {"a": []}, [], "a", 1, True, None],
    ids=repr,
)
def test_extra_that_is_large_or_not_flat_is_refused_before_the_code_is_spent(
    fake_wechat, client, extra
):
    code = fake_wechat.login_code("alice")
    answer = call(client, "POST", "login/", {"code": code, "extra": extra})
    assert_error(answer, "invalid_request", field="extra")
    assert fake_wechat.calls == []


def test_extra_is_neither_stored_nor_logged(fake_wechat, client, caplog):
    caplog.set_level("DEBUG")
    log_in(client, fake_wechat, extra={"note": "only-for-the-adapter"})
    assert "only-for-the-adapter" not in caplog.text
