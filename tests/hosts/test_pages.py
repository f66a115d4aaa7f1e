"""The pages whose settings the hosts run on."""

from __future__ import annotations

import pytest

from .variants import DOCS, read_blocks


@pytest.mark.parametrize(("page", "count"), [("other-logins", 7), ("browsers", 5)])
def test_both_languages_show_the_same_settings(page, count):
    english, chinese = (
        read_blocks((DOCS / name).read_text()) for name in (f"{page}.md", f"{page}.zh-CN.md")
    )
    assert english == chinese
    assert len(english) == count
