from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.waits

ROOT = Path(__file__).resolve().parents[2]


def test_databases_that_do_not_answer_fail_the_run_by_name():
    with socket.socket() as unheard:
        # Bound and not listening: nobody else takes the port, and it refuses.
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "tests/databases.py", "PostgreSQL", "MariaDB"],
            cwd=ROOT,
            env=os.environ
            | {
                "POSTGRES_URL": f"postgres://alice:geheim@127.0.0.1:{port}/x",
                "MYSQL_URL": f"mysql://alice:geheim@127.0.0.1:{port}/x",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"PostgreSQL: postgres://127.0.0.1:{port} does not answer" in done.stdout
    assert f"MariaDB: mysql://127.0.0.1:{port} does not answer" in done.stdout
    assert "geheim" not in done.stdout + done.stderr


def test_a_mysql_that_cannot_be_had_is_skipped_with_a_word(tmp_path):
    for program in ("bash", "dirname", "id", "realpath"):  # But no debootstrap.
        (tmp_path / program).symlink_to(shutil.which(program))
    with socket.create_server(("127.0.0.1", 0)) as redis:
        done = subprocess.run(
            [sys.executable, "tests/databases.py", "MySQL"],
            cwd=ROOT,
            env=os.environ
            | {
                "REDIS_URL": f"redis://127.0.0.1:{redis.getsockname()[1]}/1",
                "MYSQL_FOLDER": str(tmp_path / "mysql"),
                "PATH": str(tmp_path),
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0
    assert "MySQL cannot be had here: " in done.stderr
    assert "MySQL: skipped" in done.stdout
