"""The project's own settings, away from the developer's ``.env`` and from every real key."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from unittest import mock

import environ

with mock.patch.object(environ.Env, "read_env"):
    from config.settings import *  # noqa: F403
    from config.settings import CACHES, DATABASES

SECRET_KEY = "tests-only"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
# The real one takes a quarter of a second for every password, by design.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# No collectstatic before the tests.
WHITENOISE_AUTOREFRESH = True
# Every message reaches pytest's caplog.
LOGGING_CONFIG = None

# Beside each other: every process of pytest, on every database.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, not memory: threads wait for one another as they do in production.
    _FILE = Path(tempfile.gettempdir()) / f"wxauth-tests-{os.getpid()}.sqlite3"
    DATABASES["default"]["TEST"] = {"NAME": str(_FILE)}
elif DATABASES["default"]["ENGINE"] == "django.db.backends.mysql":
    DATABASES["default"]["TEST"] = {"CHARSET": "utf8mb4"}
# A connection that outlives its thread keeps the test database from being dropped.
DATABASES["default"]["CONN_MAX_AGE"] = 0
CACHES["default"]["KEY_PREFIX"] = f"tests-{_WORKER}"

WXAUTH = {
    "ADAPTER": "users.wechat.Adapter",
    "APPS": {
        "wx0000000000000001": {"SECRET": "secret-of-app-one", "NAME": "One"},
        "wx0000000000000002": {"SECRET": "secret-of-app-two", "NAME": "Two"},
    },
    "DEFAULT_APP": "wx0000000000000001",
    # Nobody listens there: a test that forgot its fake WeChat fails at once, and calls nobody.
    "API_BASE": "http://127.0.0.1:9",
    "ENCRYPTION_KEYS": ["dGVzdHMtb25seS1lbmNyeXB0aW9uLWtleS0tLS0tLS0="],
    "LOOKUP_KEY": "dGVzdHMtb25seS1sb29rdXAta2V5LS0tLS0tLS0tLS0=",
}
