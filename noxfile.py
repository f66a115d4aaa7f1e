"""The suite on every supported pair of Python and Django: ``make versions``.

SQLite, without the tests that take servers or minutes; ``make test-all`` runs those. A Python that
is not on this machine is skipped, and said to be.
"""

from __future__ import annotations

import os
from pathlib import Path

import nox

#: Python → the versions of Django that support it, of those that wxauth supports. The LTS, and the
#: newest: what ``requirements/dev.txt`` holds for that Python.
PAIRS = {
    "3.10": ["5.2"],
    "3.11": ["5.2"],
    "3.12": ["5.2", "6.1"],
    "3.13": ["5.2", "6.1"],
}

nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = False

# pyenv puts a "python3.12" on the path for every version that it has, and lets only those run that
# somebody chose.
if "PYENV_VERSION" not in os.environ and (pyenv := Path.home() / ".pyenv" / "versions").is_dir():
    os.environ["PYENV_VERSION"] = ":".join(sorted(path.name for path in pyenv.iterdir()))


@nox.session
@nox.parametrize(
    ("python", "django"), [(python, django) for python in PAIRS for django in PAIRS[python]]
)
def tests(session: nox.Session, django: str) -> None:
    session.install("--quiet", "--require-hashes", "-r", "requirements/dev.txt")
    session.install("--quiet", f"Django~={django}.0")
    session.run("python", "-m", "django", "--version")
    session.run("python", "manage.py", "makemigrations", "--check", "--dry-run")
    session.run(
        "python", "-m", "pytest", "-q", "-n", "auto", "--dist", "loadfile", *session.posargs
    )
