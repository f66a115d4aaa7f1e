"""The project's own settings, away from the developer's ``.env`` and from every real key."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from unittest import mock

import environ

with mock.patch.object(environ.Env, "read_env"):
    from config.settings import *  # noqa: F403
    from config.settings import CACHES, DATABASES, INSTALLED_APPS

# A project around the users, for whatever happens to people.
INSTALLED_APPS = [*INSTALLED_APPS, "tests.shop"]
SECRET_KEY = "tests-only"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
# The real one takes a quarter of a second for every password, by design.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# No collectstatic before the tests.
WHITENOISE_AUTOREFRESH = True
# As in production; the test client does not mind.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
# Every message reaches pytest's caplog.
LOGGING_CONFIG = None

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, not memory: threads wait for one another as they do in production. One per process,
    # so that two runs do not meet.
    _FILE = Path(tempfile.gettempdir()) / f"wxauth-tests-{os.getpid()}.sqlite3"
    DATABASES["default"]["TEST"] = {"NAME": str(_FILE)}
elif DATABASES["default"]["ENGINE"] == "django.db.backends.mysql":
    DATABASES["default"]["TEST"] = {"CHARSET": "utf8mb4"}
# Redis outlives the run: another one, on the same day, would find what this one has counted. The
# processes that a test starts share its name.
CACHES["default"]["KEY_PREFIX"] = os.environ.setdefault("WXAUTH_TEST_RUN", f"tests-{os.getpid()}")
# A connection that outlives its thread keeps the test database from being dropped.
DATABASES["default"]["CONN_MAX_AGE"] = 0

_LIMITS = (
    "login_address", "login_openid", "decrypt", "phone", "link", "profile", "avatar",
    "prefetch", "web_ticket", "deletion", "export", "reveal",
)  # fmt: skip

WXAUTH = {
    "ADAPTER": "users.wechat.Adapter",
    "APPS": {
        "wx0000000000000001": {"SECRET": "secret-of-app-one", "NAME": "One"},
        "wx0000000000000002": {"SECRET": "secret-of-app-two", "NAME": "Two"},
    },
    "DEFAULT_APP": "wx0000000000000001",
    # All tests come from one address, and as alice. Those of the limits set their own.
    "LIMITS": dict.fromkeys(_LIMITS, "99999999/day"),
    # Nobody listens there: a test that forgot its fake WeChat fails at once, and calls nobody.
    "API_BASE": "http://127.0.0.1:9",
    "ENCRYPTION_KEYS": ["dGVzdHMtb25seS1lbmNyeXB0aW9uLWtleS0tLS0tLS0="],
    "LOOKUP_KEY": "dGVzdHMtb25seS1sb29rdXAta2V5LS0tLS0tLS0tLS0=",
}
