from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from django.db import connection

from wxauth.crypto.keyring import generate_key
from wxauth.testing import FakeWeChat, FakeWeChatServer

from .stack import APP_SECRET, APPID, MariaDB, Postgres, Stack
from .traffic import PHONES

#: The durations of the reliability list, or short ones for every day.
FULL = bool(os.environ.get("DEPLOY_FULL"))


@pytest.fixture(scope="session")
def folder():
    """Not pytest's own, which nobody else may enter: the databases are somebody else."""
    with tempfile.TemporaryDirectory(prefix="wxauth-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def stack(folder):
    """Everything is running, and is the same again after each test."""
    if connection.vendor == "sqlite":
        pytest.skip("It is many processes that are tried here, over a server.")
    if connection.vendor == "mysql" and shutil.which("mariadb-install-db") is None:
        pytest.skip("There is no MariaDB to be installed.")
    database = (Postgres if connection.vendor == "postgresql" else MariaDB)(folder)
    fake = FakeWeChat()
    fake.add_app(APPID, APP_SECRET)
    for number in range(PHONES):
        fake.add_person(f"phone-{number}")
    fake.add_person("alice", phone="13800138001")
    settings = {
        "SECRET_KEY": "for-one-run-only-0123456789-0123456789-0123456789-abc",
        "WXAUTH_ENCRYPTION_KEYS": generate_key(),
        "WXAUTH_LOOKUP_KEY": generate_key(),
    }
    with (
        FakeWeChatServer(fake) as wechat,
        Stack(folder, wechat, database, settings=settings) as running,
    ):
        yield running


@pytest.fixture
def on_postgres():
    if connection.vendor != "postgresql":
        pytest.skip("Its like for MariaDB is another program.")


@pytest.fixture
def seconds():
    """``seconds(short, full)``: how long something is kept up."""
    return lambda short, full: full if FULL else short
