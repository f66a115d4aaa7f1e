"""``manage.py wxauth_sandbox``: the fake WeChat that development runs against."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from wxauth.conf import SANDBOX_API_BASE, conf
from wxauth.testing import FakeWeChat, FakeWeChatServer, load_file
from wxauth.testing.server import StopSignal


class Command(BaseCommand):
    help = "Runs a fake WeChat for development, with the apps of WXAUTH."
    # A newcomer's first step: it needs neither a database nor complete settings.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Default: 127.0.0.1.")
        parser.add_argument("--port", type=int, help='Default: that of WXAUTH["API_BASE"].')
        parser.add_argument("--load", metavar="FILE", help="People, as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            # Whoever reaches the sandbox is whoever they like.
            raise CommandError(_("The sandbox exists in development only: DEBUG is off."))
        fake = FakeWeChat(
            any_app=conf.SANDBOX, any_code=conf.SANDBOX, default_appid=conf.DEFAULT_APP
        )
        for app in conf.APPS.values():
            fake.add_app(app.appid, app.secret.reveal(), platform=app.platform)
        port = options["port"]
        if port is None:
            port = urlsplit(conf.API_BASE).port or urlsplit(SANDBOX_API_BASE).port
        try:
            if options["load"]:
                load_file(fake, options["load"])
            server = FakeWeChatServer(fake, options["host"], port)
        except (OSError, OverflowError, ValueError) as error:
            raise CommandError(str(error)) from None
        stop = StopSignal()
        with server:
            self.stdout.write(
                _("The WeChat sandbox is at %(url)s (Ctrl-C stops it).") % {"url": server.url}
            )
            self.stdout.write(_("A login code, as wx.login() gives it:"))
            example = f"{server.url}/sandbox/code?appid={fake.default_appid}&person=alice"
            self.stdout.write(f"  curl '{example}'")
            self.stdout.flush()
            stop.wait()
        self.stdout.write(_("The WeChat sandbox has stopped."))
