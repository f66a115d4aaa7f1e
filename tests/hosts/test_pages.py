"""The pages whose settings the hosts run on."""

from __future__ import annotations

from .variants import DOCS, read_blocks


def test_both_languages_show_the_same_settings():
    english, chinese = (
        read_blocks((DOCS / name).read_text())
        for name in ("other-logins.md", "other-logins.zh-CN.md")
    )
    assert english == chinese
    assert len(english) == 7
