from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from django.db import connection

from wxauth.crypto.keyring import generate_key
from wxauth.testing import FakeWeChat, FakeWeChatServer

from .stack import APP_SECRET, APPID, Stack
from .traffic import PHONES

#: The durations of the reliability list, or short ones for every day.
FULL = bool(os.environ.get("DEPLOY_FULL"))


@pytest.fixture(scope="session")
def folder():
    """Not pytest's own, which nobody else may enter: PostgreSQL is somebody else."""
    with tempfile.TemporaryDirectory(prefix="wxauth-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def stack(folder):
    """Everything is running, and is the same again after each test."""
    if connection.vendor != "postgresql":
        pytest.skip("It brings its own servers: once, among the tests on PostgreSQL, is enough.")
    fake = FakeWeChat()
    fake.add_app(APPID, APP_SECRET)
    for number in range(PHONES):
        fake.add_person(f"phone-{number}")
    settings = {
        "SECRET_KEY": "for-one-run-only-0123456789-0123456789-0123456789-abc",
        "WXAUTH_ENCRYPTION_KEYS": generate_key(),
        "WXAUTH_LOOKUP_KEY": generate_key(),
    }
    with FakeWeChatServer(fake) as wechat, Stack(folder, wechat, settings=settings) as running:
        yield running


@pytest.fixture
def seconds():
    """``seconds(short, full)``: how long something is kept up."""
    return lambda short, full: full if FULL else short
