"""Real servers as ``deploy/`` sets them up: nginx, gunicorn, PostgreSQL, Redis. Each on its own
ports and folders, never the machine's own."""

from __future__ import annotations

import glob
import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
HOST = "api.example.com"
APPID, APP_SECRET = "wx0000000000000001", "secret-of-app-one"
#: Nobody is kept from anything here, but from opening data too often.
LIMITS = '{"login_address": "999999/min", "login_openid": "999999/min", "decrypt": "30/hour"}'


def free_port():
    with socket.socket() as heard:
        heard.bind(("127.0.0.1", 0))
        return heard.getsockname()[1]


def wait_for(what, seconds=30):
    """Until it is true; an OSError is a not yet."""
    ends = time.monotonic() + seconds
    while True:
        try:
            if what():
                return
        except OSError:
            pass
        assert time.monotonic() < ends, what
        time.sleep(0.05)


def is_heard(port):
    socket.create_connection(("127.0.0.1", port), timeout=1).close()
    return True


class Server:
    """A process, and a file with what it prints."""

    process = None

    def __init__(self, folder, name):
        self.folder = folder / name
        self.folder.mkdir()
        self.output = self.folder / "output.log"
        self.output.touch()

    def spawn(self, *command, **options):
        with self.output.open("a") as output:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdout=output, stderr=output, **options
            )

    def end(self, number=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None


class Postgres(Server):
    def __init__(self, folder):
        super().__init__(folder, "postgres")
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        # Debian keeps the server's programs out of PATH.
        found = shutil.which("initdb") or max(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        self._bin = Path(found).parent
        # It refuses to run as root.
        self._as = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
        self._data = self.folder / "data"
        if self._as:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        subprocess.run(
            [self._bin / "initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8"],
            check=True, capture_output=True, cwd=self.folder, **self._as,
        )  # fmt: skip

    def start(self):
        self.spawn(
            self._bin / "postgres", "-D", self._data, "-p", self.port, "-k", self.folder,
            "-c", "max_connections=100", cwd=self.folder, **self._as,
        )  # fmt: skip
        wait_for(lambda: self.sql("SELECT 1"))

    def sql(self, statement):
        """Run it as the superuser; an OSError where the server is not there."""
        command = ["psql", self.url, "-qtAX", "-c", statement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(done.stderr)
        return done.stdout.strip() or "done"

    def kill_connections(self):
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )

    def set_read_only(self, on):
        self.sql(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if on else 'off'}")
        self.sql("SELECT pg_reload_conf()")


class Redis(Server):
    def __init__(self, folder):
        super().__init__(folder, "redis")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        self.spawn("redis-server", "--port", self.port, "--save", "", "--dir", self.folder)
        wait_for(lambda: is_heard(self.port))


def copied_files():
    """What the Dockerfile takes from the project, and where to."""
    copies = re.findall(r"^COPY (?!--from)(.+) (\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    return [(source, to) for sources, to in copies for source in sources.split()]


class Project:
    """The project as the image has it, with an ``.env`` of its own."""

    def __init__(self, folder, settings):
        self.folder = folder / "project"
        self.folder.mkdir()
        for source, to in copied_files():
            if not to.startswith("/"):
                target = self.folder / (f"{to}{Path(source).name}" if to.endswith("/") else to)
                target.parent.mkdir(exist_ok=True)
                (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(
                    ROOT / source, target
                )
        self.settings = settings
        self.configure()

    def configure(self, **changes):
        self.settings |= changes
        lines = [f"{name}={value}\n" for name, value in self.settings.items()]
        (self.folder / ".env").write_text("".join(lines))

    def manage(self, *arguments, **variables):
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.folder, env={"PATH": os.environ["PATH"], **variables},
            check=True, capture_output=True, text=True,
        )  # fmt: skip


class Gunicorn(Server):
    """``gunicorn -c deploy/gunicorn.conf.py`` in a project, which has all its settings in .env."""

    def __init__(self, folder, project):
        super().__init__(folder, "gunicorn")
        self.socket, self._project = self.folder / "gunicorn.sock", project

    def launch(self, **variables):
        command = (BIN / "gunicorn", "-c", "deploy/gunicorn.conf.py", f"--bind=unix:{self.socket}")
        variables = {"PATH": os.environ["PATH"], **variables}
        self.spawn(*command, cwd=self._project.folder, env=variables)

    def start(self):
        boots = self.count("Booting worker")
        self.launch()
        wait_for(lambda: self.count("Booting worker") >= boots + 2 and self.socket.exists())

    def count(self, text):
        return self.output.read_text().count(text)

    def reload(self):
        """HUP, until the workers are others."""
        exits, boots = self.count("Worker exiting"), self.count("Booting worker")
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.count("Worker exiting") >= exits + 2, 60)
        assert self.count("Booting worker") == boots + 2


class Nginx(Server):
    """``deploy/nginx.conf`` with the ports and folders of this test."""

    def __init__(self, folder, upstream):
        super().__init__(folder, "nginx")
        self.port, self.plain_port = free_port(), free_port()
        self.certificate = self.folder / "fullchain.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-keyout", self.folder / "privkey.pem", "-out", self.certificate,
             "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"],
            check=True, capture_output=True,
        )  # fmt: skip
        self.media = self.folder / "media"
        self.media.mkdir()
        self.folder.chmod(0o755)
        server = (ROOT / "deploy" / "nginx.conf").read_text()
        for documented, ours in {
            "unix:/run/wxauth/gunicorn.sock": f"unix:{upstream}",
            "/etc/nginx/tls/": f"{self.folder}/",
            "/var/lib/wxauth/media/": f"{self.media}/",
            "/var/log/nginx/": f"{self.folder}/",
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
            "    listen [::]:80;\n": "",
            "    listen [::]:443 ssl;\n": "",
        }.items():
            assert documented in server, documented
            server = server.replace(documented, ours)
        self.conf = self.folder / "nginx.conf"
        user = "user root;" if os.getuid() == 0 else ""
        temporary = "".join(
            f"{name}_temp_path {self.folder}/{name};"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        self.conf.write_text(
            f"{user} daemon off; pid {self.folder}/pid; error_log {self.folder}/error.log warn;\n"
            f"events {{}}\nhttp {{ include /etc/nginx/mime.types; {temporary}\n{server}\n}}\n"
        )

    @property
    def command(self):
        return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")

    def start(self):
        self.spawn(self.command, "-c", self.conf)
        wait_for(lambda: is_heard(self.port))


class Stack:
    """All of it, with a fake WeChat."""

    def __init__(self, folder, wechat, *, settings):
        self.wechat = wechat
        self.postgres, self.redis = Postgres(folder), Redis(folder)
        documented = {
            "ALLOWED_HOSTS": HOST,
            "DATABASE_URL": self.postgres.url,
            "CACHE_URL": self.redis.url,
            "TRUSTED_PROXIES": "1",
            "LOG_FORMAT": "json",
            "WXAUTH_API_BASE": wechat.url,
            "WXAUTH_APPID": APPID,
            "WXAUTH_SECRET": APP_SECRET,
            "WXAUTH_LIMITS": LIMITS,
            "WXAUTH_LOCAL_MEDIA": "True",
            "MEDIA_ROOT": str(folder / "nginx" / "media"),
            **settings,
        }
        self.project = Project(folder, documented)
        self.gunicorn = Gunicorn(folder, self.project)
        self.nginx = Nginx(folder, self.gunicorn.socket)
        self.tls = ssl.create_default_context(cafile=str(self.nginx.certificate))
        self._running = ExitStack()

    def __enter__(self):
        with self._running:
            for server in (self.postgres, self.redis):
                self._running.callback(server.end, signal.SIGINT)
                server.start()
            self.project.manage("migrate", "--verbosity", "0")
            self.project.manage("collectstatic", "--noinput", "--verbosity", "0")
            for server in (self.gunicorn, self.nginx):
                self._running.callback(server.end)
                server.start()
            self._running = self._running.pop_all()
        return self

    def __exit__(self, *error):
        self._running.close()
