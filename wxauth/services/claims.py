"""One code, sent twice: the first takes it to WeChat, the second shares what came of it.

WeChat takes a code once, and a phone that gave up waiting sends it again. What came of a code is a
number in the cache, which is signed (``cache``) and still not believed: whoever reads it holds it
against the rows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from wxauth.exceptions import RateLimited

from . import cache
from .limits import Hit
from .stores import Add, Delete, Set

#: Seconds that a claim lives, and that what came of it may be shared.
LIFE = 10
#: Seconds that a second request waits for the first, and between two looks: more and more.
PATIENCE = 2.0
FIRST_LOOK, LAST_LOOK = 0.02, 0.25
#: The value of a claim of which nothing has come yet.
PENDING = 0


@dataclass
class Claim:
    """``ours``: nobody else has brought this code, or there is no cache that could tell."""

    ours: bool = True
    #: What came of it, above zero: set by the first, read by the others. None: nothing did, or
    #: the first takes too long.
    number: int | None = None


@contextmanager
def claim(key: str, hit: Hit | None = None) -> Iterator[Claim]:
    """Let nobody else do the same under this key meanwhile, or share what came of it.

    ``hit`` is counted on the same way to the cache. Raises ``RateLimited``.
    """
    try:
        ours = _take(key, hit)
    except cache.CacheGone:
        yield Claim()  # WeChat itself refuses the second.
        return
    if not ours:
        yield Claim(ours=False, number=_wait(key))
        return
    mine = Claim()
    try:
        yield mine
    finally:
        with suppress(cache.CacheGone):
            if mine.number is not None:
                cache.ask(Set(key, cache.sign(key, mine.number), LIFE))
            else:
                # WeChat may not have taken the code: the next request asks it.
                cache.ask(Delete(key))


def _take(key: str, hit: Hit | None) -> bool:
    mine = Add(key, cache.sign(key, PENDING), LIFE)
    if hit is None:
        return bool(cache.ask(mine)[0])
    try:
        count, ours = cache.ask(hit.command, mine)
    except cache.CacheGone:
        hit.judge(None)
        raise
    try:
        hit.judge(count)
    except RateLimited:
        if ours:
            with suppress(cache.CacheGone):
                cache.ask(Delete(key))
        raise
    return bool(ours)


def _wait(key: str) -> int | None:
    until = time.monotonic() + PATIENCE
    look = FIRST_LOOK
    with suppress(cache.CacheGone):
        while (number := cache.get_signed(key)) == PENDING and time.monotonic() < until:
            time.sleep(look)
            look = min(2 * look, LAST_LOOK)
        return number or None
    return None
