"""Real servers as ``deploy/`` sets them up: nginx, gunicorn, PostgreSQL or
MariaDB, Redis. Each on its own
ports and folders, never the machine's own."""

from __future__ import annotations

import glob
import os
import pwd
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager, suppress
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
    #: The signal after which it ends without waiting for its clients.
    stops_at = signal.SIGTERM

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

    def end(self, number=None):
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number or self.stops_at)
            self.process.wait(60)
            self.process = None


class Postgres(Server):
    stops_at = signal.SIGINT

    def __init__(self, folder, name="postgres", *, copy_of=None, **settings):
        """``copy_of`` is a server that runs, whose replica this becomes."""
        super().__init__(folder, name)
        self._settings = {"max_connections": 100, **settings}
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        # Debian keeps the server's programs out of PATH.
        found = shutil.which("initdb") or max(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        self._bin = Path(found).resolve().parent
        # It refuses to run as root.
        self.somebody_else = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
        self._data = self.folder / "data"
        if self.somebody_else:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._run(
            *(("initdb", "-A", "trust", "-E", "UTF8") if copy_of is None
              else ("pg_basebackup", "-R", "-h", "127.0.0.1", "-p", copy_of.port, "-c", "fast")),
            "-D", self._data, "-U", "postgres",
        )  # fmt: skip

    def _run(self, program, *arguments):
        subprocess.run(
            [self._bin / program, *map(str, arguments)],
            check=True, capture_output=True, cwd=self.folder, **self.somebody_else,
        )  # fmt: skip

    def start(self):
        settings = [f"-c{name}={value}" for name, value in self._settings.items()]
        self.spawn(
            self._bin / "postgres", "-D", self._data, "-p", self.port, "-k", self.folder, *settings,
            cwd=self.folder, **self.somebody_else,
        )  # fmt: skip
        wait_for(lambda: self.sql("SELECT 1"))

    def let_in(self, network):
        """From the next start on."""
        with (self._data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {network} trust\n")

    def sql(self, statement):
        """Run it as the superuser; an OSError where the server is not there."""
        command = ["psql", self.url, "-qtAX", "-c", statement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(done.stderr)
        return done.stdout.strip() or "done"

    def crash(self):
        """Without a word to anybody, with recovery at the next start: ``immediate``."""
        self.end(signal.SIGQUIT)

    def kill_connections(self):
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )

    def set_read_only(self, on):
        self.sql(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if on else 'off'}")
        self.sql("SELECT pg_reload_conf()")


class SQLite:
    """A file, which the processes of this machine share."""

    def __init__(self, folder):
        self._file = folder / "db.sqlite3"
        self.url = f"sqlite:///{self._file}"

    def sql(self, statement):
        with closing(sqlite3.connect(self._file)) as connection:
            return "\n".join(str(row[0]) for row in connection.execute(statement))


class MariaDB(Server):
    def __init__(self, folder):
        super().__init__(folder, "mariadb")
        self.port = free_port()
        #: No superuser: nothing is read-only to those.
        self.url = f"mysql://wxauth@127.0.0.1:{self.port}/wxauth"
        self._data = self.folder / "data"
        self._user = "mysql" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        shutil.chown(self.folder, self._user)
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={self._data}",
             f"--user={self._user}", "--auth-root-authentication-method=normal"],
            check=True, capture_output=True,
        )  # fmt: skip

    def start(self):
        self.spawn(
            self.program, "--no-defaults", f"--datadir={self._data}", f"--port={self.port}",
            f"--socket={self.folder}/socket", f"--user={self._user}",
            "--bind-address=127.0.0.1", "--skip-name-resolve", "--max-connections=100",
        )  # fmt: skip
        wait_for(lambda: self._ask("SELECT 1"))
        self._ask("CREATE DATABASE IF NOT EXISTS wxauth CHARACTER SET utf8mb4")
        self._ask("CREATE USER IF NOT EXISTS wxauth@'127.0.0.1'")
        self._ask("GRANT ALL ON wxauth.* TO wxauth@'127.0.0.1'")

    @property
    def program(self):
        return shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")

    def sql(self, statement):
        """Run it as the superuser; an OSError where the server is not there."""
        return self._ask(statement, "wxauth")

    def _ask(self, statement, database="mysql"):
        command = ["mariadb", "--no-defaults", f"--socket={self.folder}/socket", "-uroot", "-BN"]
        done = subprocess.run(
            [*command, database, "-e", statement], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise OSError(done.stderr)
        return done.stdout.strip() or "done"

    def crash(self):
        self.end(signal.SIGKILL)

    def kill_connections(self):
        theirs = "SELECT id FROM information_schema.processlist WHERE user = 'wxauth'"
        for number in self.sql(theirs).removesuffix("done").split():
            with suppress(OSError):  # It has gone by itself.
                self.sql(f"KILL {number}")

    def set_read_only(self, on):
        self.sql(f"SET GLOBAL read_only = {'ON' if on else 'OFF'}")


class PgBouncer(Server):
    """In transaction mode: a connection of the database belongs to nobody between transactions."""

    stops_at = signal.SIGINT
    #: Fewer than there are threads, so that they change hands.
    CONNECTIONS = 4

    def __init__(self, folder, postgres):
        super().__init__(folder, "pgbouncer")
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        self._as = postgres.somebody_else
        self._conf, users = self.folder / "pgbouncer.ini", self.folder / "users.txt"
        users.write_text('"postgres" ""\n')
        self._conf.write_text(
            "[databases]\n"
            f"postgres = host=127.0.0.1 port={postgres.port} user=postgres\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {users}\n"
            f"pool_mode = transaction\ndefault_pool_size = {self.CONNECTIONS}\n"
        )

    @property
    def command(self):
        return shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")

    def start(self):
        self.spawn(self.command, self._conf, **self._as)
        wait_for(lambda: is_heard(self.port))


class Redis(Server):
    def __init__(self, folder, name="redis", *options):
        super().__init__(folder, name)
        self._options = options
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        self.spawn(
            "redis-server", "--port", self.port, "--save", "", "--dir", self.folder, *self._options
        )
        wait_for(lambda: is_heard(self.port))


class Sentinel(Server):
    """One of those who watch a Redis, and make its replica the master when it is gone."""

    def __init__(self, folder, name, master, *, quorum):
        super().__init__(folder, name)
        self.port = free_port()
        self._conf = self.folder / "sentinel.conf"
        self._conf.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"sentinel monitor wxauth 127.0.0.1 {master.port} {quorum}\n"
            "sentinel down-after-milliseconds wxauth 1000\n"
            "sentinel failover-timeout wxauth 5000\n"
        )

    def start(self):
        self.spawn("redis-server", self._conf, "--sentinel")
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

    def __init__(self, folder, project, name="gunicorn"):
        super().__init__(folder, name)
        self.socket, self._project = self.folder / "gunicorn.sock", project

    #: What comes before its command.
    within = ()

    def launch(self, **variables):
        command = (
            *self.within,
            BIN / "gunicorn",
            "-c",
            "deploy/gunicorn.conf.py",
            f"--bind=unix:{self.socket}",
        )
        variables = {"PATH": os.environ["PATH"], **variables}
        self.spawn(*command, cwd=self._project.folder, env=variables)

    def start(self, **variables):
        boots = self.count("Booting worker")
        self.launch(**variables)
        wait_for(lambda: self.count("Booting worker") >= boots + 2 and self.socket.exists())

    def workers(self):
        """The folders in /proc of its processes that answer."""
        master = self.process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        return [Path(f"/proc/{pid}") for pid in children]

    def megabytes(self):
        """Of memory that all workers have together."""
        return (
            sum(
                int((each / "status").read_text().partition("VmRSS:")[2].split()[0])
                for each in self.workers()
            )
            / 1024
        )

    def count(self, text):
        return self.output.read_text().count(text)

    def reload(self):
        """HUP, until the workers are others."""
        exits, boots = self.count("Worker exiting"), self.count("Booting worker")
        self.process.send_signal(signal.SIGHUP)
        # On a busy machine the old ones may be gone before the new ones have said a word.
        wait_for(
            lambda: (
                self.count("Worker exiting") >= exits + 2
                and self.count("Booting worker") >= boots + 2
            ),
            60,
        )
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

    def __init__(self, folder, wechat, database, *, settings):
        self.folder = folder
        self.wechat, self.database, self.redis = wechat, database, Redis(folder)
        documented = {
            "ALLOWED_HOSTS": HOST,
            "DATABASE_URL": self.database.url,
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
            for server in (self.database, self.redis):
                self._running.callback(server.end)
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

    def move_to(self, database, url=None):
        """Go on with another database, as an operator would: ``.env`` and a reload."""
        self.database = database
        self.project.configure(DATABASE_URL=url or database.url)
        self.gunicorn.reload()

    @contextmanager
    def moved_to(self, database, url=None):
        """With another database for a while."""
        former = self.database
        self.project.manage("migrate", "--verbosity", "0", DATABASE_URL=database.url)
        self.move_to(database, url)
        try:
            yield
        finally:
            self.move_to(former)
