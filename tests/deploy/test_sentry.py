"""What the documented settings let out to Sentry, with the real SDK and without a network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from .stack import ROOT

README = ROOT / "deploy" / "README.md"
CHINESE = ROOT / "deploy" / "README.zh-CN.md"
#: As somebody would begin without reading on, and switch on what helps.
CARELESS = (
    "import sentry_sdk\nsentry_sdk.init(send_default_pii=True, max_request_body_size='always')"
)


def documented(path):
    (block,) = re.findall(r"```python\n(import sentry_sdk\n.*?)```", path.read_text(), re.DOTALL)
    return block


@pytest.fixture
def run(tmp_path):
    def run(source):
        """What was sent as one text, and which of the secrets are in it."""
        file = tmp_path / "settings.py"
        file.write_text(source)
        done = subprocess.run(
            [sys.executable, "-m", "tests.deploy.sentry_worker", str(file)],
            cwd=ROOT, env=os.environ | {"DATABASE_URL": "", "CACHE_URL": ""},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout.splitlines()[-1])
        text = "\n".join(told["sent"])
        return text, {name for name, secret in told["planted"].items() if secret in text}

    return run


@pytest.mark.waits
def test_sentry_hears_of_every_bug_and_of_no_secret(run):
    text, found = run(documented(README))
    assert text.count('"type":"RuntimeError"') == 3
    assert '"url":"http://testserver/api/wxauth/login/"' in text
    assert "An error in the log." in text
    assert '"type":"transaction"' in text
    assert found == set()


@pytest.mark.slow
def test_without_the_scrubber_there_would_be_something_to_find(run):
    _, found = run(CARELESS)
    assert {"token", "encrypted data", "address"} <= found
    assert any(name.startswith("code") for name in found)


def test_both_languages_show_the_same_settings():
    assert documented(README) == documented(CHINESE)
