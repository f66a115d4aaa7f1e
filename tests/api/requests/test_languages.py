"""``detail`` is for people, in their language; ``code`` and ``action`` are for the client."""

from __future__ import annotations

from pathlib import Path

import pytest

import wxauth
from tests.api.phone import call

pytestmark = pytest.mark.django_db

LOCALE = Path(wxauth.__file__).with_name("locale") / "zh_Hans" / "LC_MESSAGES" / "django.mo"


@pytest.mark.skipif(not LOCALE.exists(), reason="the translations are not there yet")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "me/", None),
        ("GET", "nowhere/", None),
        ("PUT", "login/", None),
        ("POST", "login/", b"["),
        ("POST", "login/", {"code": 5}),
        ("POST", "login/", {"code": "x", "appid": "wxffffffffffffffff"}),
        ("POST", "login/", {"code": "x", "iv": "x"}),
    ],
    ids=repr,
)
def test_the_detail_is_in_the_language_that_is_asked_for(client, method, path, body):
    english, chinese = (
        call(client, method, path, body, headers={"Accept-Language": language}).json()
        for language in ("en", "zh-CN")
    )
    assert english["detail"].isascii()
    assert any("\u4e00" <= character <= "\u9fff" for character in chinese["detail"])
    assert {**english, "detail": ""} == {**chinese, "detail": ""}
