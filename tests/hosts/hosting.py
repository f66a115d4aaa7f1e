"""Host projects: the built wheel in an environment of its own, a database of its own, a real port.

An environment is kept in ``.venv/hosts`` for the next run; the wheel in it is renewed whenever a
file of wxauth has changed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from wxauth.testing import FakeWeChatServer

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ENVIRONMENTS = ROOT / ".venv" / "hosts"
#: Engine → its driver.
DRIVERS = {"postgresql": "psycopg[binary]", "mysql": "mysqlclient"}
ENGINE = settings.DATABASES["default"]["ENGINE"].rpartition(".")[2]


def run(*command: Any, cwd: Path, stdin: str = "") -> str:
    """The output of a command that knows nothing of the checkout. It has to succeed."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=clean_environment(),
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def clean_environment() -> dict[str, str]:
    """Nothing of the checkout or of its pytest may leak into what is tried here."""
    ours = ("PYTHON", "PYTEST", "DJANGO", "DATABASE", "CACHE_URL", "WXAUTH")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return clean | {"PYTHONWARNINGS": "default", "PYTHONUNBUFFERED": "1"}


# -- environments ------------------------------------------------------------------------------


def get_python(host: str) -> Path:
    """The interpreter of this host's environment, with the wheel of today in it."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = ENVIRONMENTS / f"{host}-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "bin" / "python"
    requirements = [
        *(HERE / host / "requirements.txt").read_text().split(),
        *([DRIVERS[ENGINE]] if ENGINE in DRIVERS else []),
    ]
    with (ENVIRONMENTS / "lock").open("w") as lock:
        # Two runs at once share the environments.
        fcntl.flock(lock, fcntl.LOCK_EX)
        with renewed(folder / f"requirements-{ENGINE}.stamp", requirements + _pins()) as is_new:
            if is_new:
                if not python.exists():
                    run(sys.executable, "-m", "venv", folder, cwd=folder)
                _install(python, *_dependencies(), *requirements)
        sources = _sources()
        with renewed(ENVIRONMENTS / "wheel.stamp", sources) as is_new:
            if is_new:
                _build()
        with renewed(folder / "wheel.stamp", sources) as is_new:
            if is_new:
                (wheel,) = ENVIRONMENTS.glob("source/dist/*.whl")
                _install(python, "--no-deps", "--force-reinstall", wheel)
    return python


@contextlib.contextmanager
def renewed(stamp: Path, content: list[str]) -> Iterator[bool]:
    """Whether something else stood here when it was last done; what fails is done again."""
    digest = hashlib.sha256("\n".join(content).encode()).hexdigest()
    yield not stamp.exists() or stamp.read_text() != digest
    stamp.write_text(digest)


def _install(python: Path, *what: Any) -> None:
    constraints = ENVIRONMENTS / "constraints.txt"
    constraints.write_text("\n".join(_pins()))
    run(python, "-m", "pip", "install", "-q", "-c", constraints, *what, cwd=ENVIRONMENTS)


def _pins() -> list[str]:
    """The versions that the rest of the suite runs on; without hashes, which the wheel has not."""
    lines = [
        line
        for name in ("dev", "databases")
        for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    ]
    return sorted({line.rstrip(" \\") for line in lines if re.match(r"[\w-]+==", line)})


def _dependencies() -> list[str]:
    """What the wheel asks for."""
    text = (ROOT / "pyproject.toml").read_text()
    found = re.search(r"^dependencies = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert found
    return re.findall(r'"(.+?)"', found[1])


def _sources() -> list[str]:
    files = [ROOT / "pyproject.toml", *sorted((ROOT / "wxauth").rglob("*"))]
    return [
        f"{path.relative_to(ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in files
        if path.is_file() and "__pycache__" not in path.parts
    ]


def _build() -> None:
    # From a copy: setuptools leaves its build folder behind, and would pack what is in it.
    source = ENVIRONMENTS / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "wxauth", source / "wxauth", ignore=shutil.ignore_patterns("*.pyc"))
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", "dist", ".", cwd=source)


# -- databases ---------------------------------------------------------------------------------


@contextlib.contextmanager
def databases(host: str, folder: Path) -> Iterator[str]:
    """Empty databases for this host on today's server, and the settings that lead to them."""
    aliases = re.findall(r'^    "(default|replica)": \{', _settings(host).read_text(), re.MULTILINE)
    aliases = aliases or ["default"]
    base = settings.DATABASES["default"]
    lines = []
    names = {alias: f"wxauth_host_{os.getpid()}_{folder.name}_{alias}" for alias in aliases}
    for alias, name in names.items():
        entry = {"ENGINE": base["ENGINE"], "NAME": str(folder / f"{alias}.sqlite3")}
        if ENGINE != "sqlite3":
            entry |= {key: base[key] for key in ("USER", "PASSWORD", "HOST", "PORT")}
            entry |= {"NAME": name, "CONN_MAX_AGE": 60}
            if ENGINE == "mysql":
                entry["OPTIONS"] = {"charset": "utf8mb4"}
            _execute(f"DROP DATABASE IF EXISTS {name}")
            charset = " CHARACTER SET utf8mb4" if ENGINE == "mysql" else ""
            _execute(f"CREATE DATABASE {name}{charset}")
        lines.append(f"DATABASES[{alias!r}].update({entry!r})")
    try:
        yield "\n".join(lines)
    finally:
        if ENGINE != "sqlite3":
            for name in names.values():
                _execute(f"DROP DATABASE {name}")


def _execute(statement: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)


# -- projects ----------------------------------------------------------------------------------


def _settings(host: str) -> Path:
    return HERE / host / "project" / "settings.py"


@dataclass
class Host:
    """A project that is being served."""

    name: str
    folder: Path
    python: Path
    server: FakeWeChatServer
    url: str = ""

    def manage(self, *arguments: str) -> str:
        return run(self.python, "manage.py", *arguments, cwd=self.folder)

    def shell(self, code: str) -> str:
        """What this code prints inside the project."""
        begin = "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'project.settings'\n"
        begin += "import django; django.setup()\n"
        return run(self.python, "-c", begin + code, cwd=self.folder).strip()


@contextlib.contextmanager
def serve(
    host: str,
    folder: Path,
    wechat: FakeWeChatServer,
    *,
    changes: str = "",
    files: dict[str, str] | None = None,
) -> Iterator[Host]:
    """Serve a copy of this host, whose settings end with these ``changes``."""
    shutil.copytree(
        HERE / host, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
    )
    for name, text in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    project = Host(host, folder, get_python(host), wechat)
    with databases(host, folder) as lines:
        with (folder / "project" / "settings.py").open("a") as file:
            file.write(f'\n{lines}\nWXAUTH["API_BASE"] = {wechat.url!r}\n{changes}\n')
        project.manage("migrate", "-v0")
        if "replica" in lines:
            project.manage("migrate", "-v0", "--database", "replica")
        log = folder / "server.log"
        with (
            log.open("w") as output,
            subprocess.Popen(
                [project.python, "manage.py", "runserver", "--noreload", "127.0.0.1:0"],
                cwd=folder,
                env=clean_environment(),
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            ) as process,
        ):
            try:
                project.url = _wait_for_url(process, log)
                yield project
            finally:
                process.terminate()


def _wait_for_url(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout
    for line in process.stdout:
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError(f"The host does not start:\n{log.read_text()}")
