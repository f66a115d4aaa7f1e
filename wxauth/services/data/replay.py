"""Encrypted data is good for one use. What was used is remembered while it could pass for fresh.

What is remembered is the last block of the ciphertext, not the whole. CBC does not hold its blocks
together: another iv rewrites the first one, and blocks may be inserted or replaced wherever the
rubbish that comes of it falls inside a string, and all of these are the same old data in disguise.
But WeChat writes the watermark at the end, and whoever keeps its timestamp has to keep the blocks
up to the last, whose text nobody without the key can bring about anew. (protocol 3.1)
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from wxauth.crypto.payload import BLOCK, Encrypted
from wxauth.models import Login, SpentData
from wxauth.wiring import get_lookup_key


def digest(login: Login, sent: Encrypted | None) -> str:
    """What to remember this data by. For what is no data at all: something that nobody spent."""
    block = sent.ciphertext[-BLOCK:].hex() if sent else ""
    return get_lookup_key().digest("spent data", json.dumps([login.appid, login.openid, block]))


def is_spent(digest: str) -> bool:
    return bool(SpentData.objects.filter(digest=digest).exists())


def spend(digest: str, *, now: datetime, seconds: float) -> None:
    """Remember this data for so long.

    Somebody who spends it at the same moment violates the primary key; the story then starts
    again and finds it spent.
    """
    SpentData.objects.create(digest=digest, expires_at=now + timedelta(seconds=seconds))
