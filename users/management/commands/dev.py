"""``make run``: the server and the simulated WeChat side by side, and how to begin."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from types import FrameType
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import translation
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _

from wxauth.conf import conf

START_SECONDS = 60
#: Addresses to listen on that are no address to call.
WILDCARDS = ("", "0.0.0.0")  # noqa: S104
#: What Django takes under DEBUG where ALLOWED_HOSTS is empty.
THIS_MACHINE = (".localhost", "127.0.0.1", "[::1]")


class Command(BaseCommand):
    help = "Run the development server and, where no app is configured, the simulated WeChat."
    # runserver makes them, and shows them.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        # The reader is at a terminal, which has a language of its own. Looked up as gettext does:
        # the locale itself need not be installed.
        names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
        spoken = next(filter(None, names), "")
        with translation.override("zh-hans" if spoken.startswith("zh") else "en"):
            self.run(host, port)

    def run(self, host: str, port: int) -> None:
        if not settings.DEBUG:
            raise CommandError(
                _("This is for development only, and DEBUG is off. Use a WSGI server.")
            )
        sandbox_port = port + 1
        ports = [port, sandbox_port] if conf.SANDBOX else [port]
        for number in ports:
            self.require_free(host, number)
        visible = "127.0.0.1" if host in WILDCARDS else host
        server = f"http://{visible}:{port}"
        sandbox = f"http://{visible}:{sandbox_port}" if conf.SANDBOX else None
        addresses = _open_addresses(host)

        account = self.ensure_admin()
        # Whatever ends this command ends the children: they have sessions of their own.
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, _stop)
        children: list[subprocess.Popen[bytes]] = []
        try:
            if sandbox:
                bound = ["--host", host, "--port", str(sandbox_port)]
                children.append(_manage("wxauth_sandbox", *bound, "--backend", server))
            environment = {"WXAUTH_API_BASE": sandbox} if sandbox else {}
            if sandbox and addresses and _is_address(addresses[0]):
                # Browsers are sent there, a phone's in the network too.
                environment["WXAUTH_OPEN_BASE"] = f"http://{addresses[0]}:{sandbox_port}"
            if addresses and not settings.ALLOWED_HOSTS:
                environment["ALLOWED_HOSTS"] = ",".join([*THIS_MACHINE, *addresses])
            children.append(_manage("runserver", f"{host}:{port}", **environment))
            for number in ports:
                self.await_port(visible, number, children)
            self.greet(server, sandbox, account, addresses)
            while all(child.poll() is None for child in children):
                time.sleep(0.2)
            raise CommandError(_("The server has ended; see above."))
        except KeyboardInterrupt:
            self.stdout.write(_("Stopped."))
        finally:
            for child in reversed(children):
                _end(child)

    def require_free(self, host: str, port: int) -> None:
        with socket.socket() as probe:
            # As the servers do: a port whose last connections are still closing is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise CommandError(
                    _(
                        "Cannot listen on %(host)s:%(port)s (%(reason)s). "
                        "Choose other ports with make run PORT=9000."
                    )
                    % {"host": host, "port": port, "reason": error.strerror}
                ) from None

    def await_port(self, host: str, port: int, children: list[subprocess.Popen[bytes]]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if any(child.poll() is not None for child in children):
                raise CommandError(_("The server did not start; see above."))
            try:
                socket.create_connection((host, port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise CommandError(_("The server did not answer in time."))

    def ensure_admin(self) -> str:
        """What to say about the admin's account, which is made if there is none."""
        users = get_user_model()._default_manager
        if users.filter(username="admin").exists():
            return _("admin (forgotten the password? %(command)s)") % {
                "command": f"{os.path.relpath(sys.executable)} manage.py changepassword admin"
            }
        password = get_random_string(16)
        users.create_superuser(username="admin", password=password)
        return _("admin / %(password)s (shown only now)") % {"password": password}

    def greet(self, server: str, sandbox: str | None, account: str, addresses: list[str]) -> None:
        # The appid is left out: the sandbox's default one is meant.
        code = f"$(curl -s {sandbox}/sandbox/code)" if sandbox else "CODE-OF-WX.LOGIN"
        login = (
            f"curl -s {server}/api/wxauth/login/ -H 'Content-Type: application/json'"
            f' -d "{{\\"code\\": \\"{code}\\"}}"'
        )
        lines = [
            "",
            *([_("Phone        %(url)s") % {"url": f"{server}/"}] if sandbox else []),
            *([_("Website      %(url)s") % {"url": f"{server}/website/"}] if sandbox else []),
            _("API docs     %(url)s") % {"url": f"{server}/api/docs/"},
            _("Admin        %(url)s") % {"url": f"{server}/admin/"},
            _("Admin login  %(account)s") % {"account": account},
            *([_("Sandbox      %(url)s") % {"url": sandbox}] if sandbox else []),
            _("Log a WeChat user in:"),
            f"  {login}",
            *([_warning(addresses)] if addresses and sandbox else []),
            _("Stop with Ctrl-C."),
            "",
        ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def _warning(addresses: list[str]) -> str:
    """What ``HOST=0.0.0.0`` opens, in one line."""
    return _(
        "Attention: everybody in your network reaches this server and its sandbox under "
        "%(addresses)s, and can log in as anybody."
    ) % {"addresses": ", ".join(addresses)}


def _open_addresses(host: str) -> list[str]:
    """By which addresses others in the network reach a server that listens here."""
    if host not in WILDCARDS:
        try:
            alone = ipaddress.ip_address(host).is_loopback
        except ValueError:
            alone = host == "localhost"
        return [] if alone else [host]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: the system only chooses by which of its addresses it would be.
            probe.connect(("192.0.2.1", 9))
            found = [probe.getsockname()[0]]
        except OSError:
            found = []
    name = socket.gethostname()
    return [*found, name, *([] if "." in name else [f"{name}.local"])]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _manage(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    """Another ``manage.py``, in a process group of its own: runserver's reloader has a child."""
    return subprocess.Popen(  # noqa: S603
        [sys.executable, sys.argv[0], *arguments],
        env=os.environ | environment,
        start_new_session=True,
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(timeout=5)
    except ProcessLookupError:
        pass
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
