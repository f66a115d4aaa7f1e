"""gunicorn's settings: ``gunicorn -c deploy/gunicorn.conf.py config.wsgi`` in the project's folder.

Two numbers decide everything else, WEB_CONCURRENCY and WEB_THREADS, from the environment or from
``.env``. Not by command line: ``manage.py check`` would not know.

    database connections = WEB_CONCURRENCY * WEB_THREADS  on each machine
    WXAUTH_CONCURRENCY  <= WEB_THREADS / 2, so that a WeChat that hangs leaves threads for others
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import environ

_ROOT = Path(__file__).resolve().parent.parent


class _File(environ.Env):
    # Its own: what the master's environment holds comes before the file in every worker, and a
    # reload would not see that the file has changed.
    ENVIRON: dict[str, str] = {}


def _text(name: str) -> str:
    _File.read_env(_ROOT / ".env")
    return str(environ.Env.ENVIRON.get(name, _File.ENVIRON.get(name)) or "")


def _number(name: str, default: int) -> int:
    return int(_text(name) or default)


workers = _number("WEB_CONCURRENCY", 2)
threads = _number("WEB_THREADS", 16)
raw_env = [
    f"WEB_CONCURRENCY={workers}",
    f"WEB_THREADS={threads}",
    # Development mode, which lets anybody in, is what a project without a SECRET_KEY is in: here,
    # an .env that cannot be read.
    "DEBUG=False",
]

wsgi_app = "config.wsgi"
chdir = str(_ROOT)
worker_class = "gthread"
# The proxy's only: who may reach it is decided by the folder. --bind 0.0.0.0:8000 where the proxy
# is another machine.
bind = "unix:/run/wxauth/gunicorn.sock"
# A container that is told its port (微信云托管): whatever stands in front comes by HTTP.
if port := _number("PORT", 0):
    bind = f"0.0.0.0:{port}"

# The longest request waits 5 s for WeChat and then for the database, a few seconds each.
timeout = 30
graceful_timeout = 30
# The proxy opens a connection for each request (see nginx.conf).
keepalive = 0
# New workers read the code and .env anew; with a preloaded app a reload would change nothing.
preload_app = False
# One heartbeat file per worker: on a disk that is slow, workers would be killed for it.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - mkstemp, in memory

# Nobody manages a running server through a socket here; signals do.
control_socket_disable = True

# The proxy and wxauth.access log the requests.
accesslog = None
errorlog = "-"


def on_starting(server: Any) -> None:
    """What ``manage.py check`` calls an error stops the server before it has begun.

    So does a migration that fails, where nothing but this server is ever run (``WEB_MIGRATE``).
    """
    commands = ["check"]
    if _text("WEB_MIGRATE").lower() in {"true", "on", "1", "yes"}:
        commands.append("migrate")
    for command in commands:
        arguments = [sys.executable, "manage.py", command]
        done = subprocess.run(arguments, cwd=_ROOT, check=False)  # noqa: S603 - our own words
        if done.returncode:
            raise SystemExit(done.returncode)
