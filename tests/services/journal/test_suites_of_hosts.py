"""A project's ``manage.py test`` leaves nothing in the project's real database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

pytestmark = pytest.mark.waits

ROOT = Path(__file__).parents[3]

SETTINGS = """
SECRET_KEY = "x"
DATABASES = {"default": %r}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "wxauth"]
ROOT_URLCONF = "shop_urls"
USE_TZ = True
WXAUTH = {
    "APPS": {"wx0000000000000001": {"SECRET": "s"}},
    "ENCRYPTION_KEYS": ["dGVzdHMtb25seS1lbmNyeXB0aW9uLWtleS0tLS0tLS0="],
    "LOOKUP_KEY": "dGVzdHMtb25seS1sb29rdXAta2V5LS0tLS0tLS0tLS0=",
}
"""
URLS = """
from django.urls import include, path
urlpatterns = [path("api/wxauth/", include("wxauth.urls"))]
"""
# Every count is due at once: whatever may be written, is. TestCases run first, and count as well.
TESTS = """
from django.conf import settings
from django.test import TestCase, TransactionTestCase, override_settings
from wxauth.models import DailyCount
from wxauth.services.journal import counts
from wxauth.testing import FakeWeChat, FakeWeChatServer

counts.INTERVAL = 0

class Visits:
    def setUp(self):
        fake = FakeWeChat()
        fake.add_app("wx0000000000000001", "s")
        server = self.enterContext(FakeWeChatServer(fake))
        wxauth = {**settings.WXAUTH, "API_BASE": server.url}
        self.enterContext(override_settings(WXAUTH=wxauth))
        self.code = fake.login_code("alice")

    def log_in(self):
        answer = self.client.post(
            "/api/wxauth/login/", {"code": self.code}, content_type="application/json"
        )
        self.assertEqual(answer.status_code, 200)

class RolledBackTest(Visits, TestCase):
    def test_alice_logs_in(self):
        with self.captureOnCommitCallbacks(execute=True):
            self.log_in()
        self.client.get("/api/wxauth/me/")
        self.assertEqual(DailyCount.objects.count(), 0)

class CommittedTest(Visits, TransactionTestCase):
    def test_alice_logs_in(self):
        self.log_in()
        self.assertEqual(set(DailyCount.objects.values_list("value", flat=True)), {2})
"""
ROWS = """
import django
django.setup()
from wxauth.models import DailyCount
print(DailyCount.objects.count())
"""


@pytest.fixture
def real_database(transactional_db, tmp_path):
    """Settings of an empty database that is nobody's test database."""
    kept = ("ENGINE", "HOST", "PORT", "USER", "PASSWORD")
    settings = {key: connection.settings_dict[key] for key in kept}
    if connection.vendor == "sqlite":
        yield settings | {"NAME": str(tmp_path / "shop.sqlite3")}
        return
    name = f"wxauth_shop_{os.getpid()}"
    quoted = connection.ops.quote_name(name)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {quoted}")
    yield settings | {"NAME": name}
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {quoted}")


def test_the_suite_of_a_project_leaves_no_row_in_its_real_database(tmp_path, real_database):
    (tmp_path / "shop_settings.py").write_text(SETTINGS % real_database)
    (tmp_path / "shop_urls.py").write_text(URLS)
    (tmp_path / "tests.py").write_text(TESTS)
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "shop_settings",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]),
    }

    def python(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    python("-m", "django", "migrate", "--verbosity", "0")
    assert "Ran 2 tests" in python("-m", "django", "test")
    assert python("-c", ROWS).strip() == "0"
