"""wxauth without django.contrib.admin."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.waits

PROJECT = """
import sys
from django.conf import settings
import django
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "wxauth"],
    ROOT_URLCONF="wxauth.urls",
)
django.setup()
import wxauth.urls

print([name for name in sys.modules if name.startswith("wxauth.admin")])
"""


def test_a_project_without_the_admin_imports_none_of_ours():
    done = subprocess.run(
        [sys.executable, "-c", PROJECT], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
