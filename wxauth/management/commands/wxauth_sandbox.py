"""``manage.py wxauth_sandbox``: the fake WeChat that development runs against, and a phone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _

from wxauth.conf import SANDBOX_API_BASE, SANDBOX_APPS, conf
from wxauth.testing import FakeWeChat, FakeWeChatServer, load_file
from wxauth.testing.browser import PhoneBrowser
from wxauth.testing.page import PhonePage
from wxauth.testing.rows import read_rows, reverse_or_none
from wxauth.testing.sandbox import ROUTES
from wxauth.testing.server import PhoneBrowserServer, StopSignal
from wxauth.types import App, Kind


class Command(BaseCommand):
    help = "Runs a fake WeChat and a simulated phone for development, with the apps of WXAUTH."
    # A newcomer's first step: it needs neither a database nor complete settings.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Default: 127.0.0.1.")
        parser.add_argument("--port", type=int, help='Default: that of WXAUTH["API_BASE"].')
        parser.add_argument("--load", metavar="FILE", help="People, as JSON.")
        parser.add_argument(
            "--backend",
            metavar="URL",
            default="http://127.0.0.1:8000",
            help="Where this project's server runs. Default: %(default)s.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            # Whoever reaches the sandbox is whoever they like.
            raise CommandError(_("The sandbox exists in development only: DEBUG is off."))
        fake = FakeWeChat(
            any_app=conf.SANDBOX, any_code=conf.SANDBOX, default_appid=conf.DEFAULT_APP
        )
        for app in _apps():
            fake.add_app(app.appid, app.secret.reveal(), platform=app.platform, kind=app.kind.value)
        _let_it_push(fake, options["backend"])
        port = options["port"]
        if port is None:
            port = urlsplit(conf.API_BASE).port or urlsplit(SANDBOX_API_BASE).port
        try:
            if options["load"]:
                load_file(fake, options["load"])
            page = PhonePage(backend=options["backend"], config=_describe(fake), rows=read_rows)
            server = FakeWeChatServer(fake, options["host"], port, page=page)
        except (OSError, OverflowError, ValueError) as error:
            raise CommandError(str(error)) from None
        browser = PhoneBrowserServer(
            PhoneBrowser(fake, backend=options["backend"]), options["host"]
        )
        page.browser = _describe_browser(browser.port)
        stop = StopSignal()
        with browser, server:
            self.stdout.write(
                _("The WeChat sandbox is at %(url)s (Ctrl-C stops it).") % {"url": server.url}
            )
            self.stdout.write(_("Open it in a browser: there is a simulated phone."))
            self.stdout.write(_("A login code, as wx.login() gives it:"))
            example = f"{server.url}/sandbox/code?appid={fake.default_appid}&person=alice"
            self.stdout.write(f"  curl '{example}'")
            self.stdout.flush()
            stop.wait()
        self.stdout.write(_("The WeChat sandbox has stopped."))


def _apps() -> list[App]:
    return list(conf.APPS.values() or (SANDBOX_APPS.values() if conf.SANDBOX else ()))


def _let_it_push(fake: FakeWeChat, backend: str) -> None:
    for app in conf.APPS.values():
        if app.push and app.push.aes_keys:
            fake.set_push_keys(app.appid, app.push.token.reveal(), app.push.aes_keys[0].reveal())
    path = reverse_or_none("wxauth:push", ["APPID"]) or "/api/wxauth/push/APPID"
    fake.push_url = backend.rstrip("/") + path.replace("APPID", "{appid}")


def _describe_browser(port: int) -> dict[str, Any] | None:
    """What the phone's browser opens: the page with the buttons, if this project has such doors."""
    accounts = [app.appid for app in _apps() if app.kind is Kind.OFFICIAL_ACCOUNT]
    if not accounts or reverse_or_none("wxauth_web:callback") is None:
        return None
    return {"port": port, "path": resolve_url(settings.LOGIN_URL), "appid": accounts[0]}


def _describe(fake: FakeWeChat) -> dict[str, Any]:
    """What the page has to know about this project."""
    login = reverse_or_none("wxauth:login") or "/api/wxauth/login"
    minis = [app for app in conf.APPS.values() if app.kind is Kind.MINIPROGRAM]
    # The page has names of its own for the sandbox's, in both languages.
    demo = [replace(app, name="") for app in SANDBOX_APPS.values() if app.kind is Kind.MINIPROGRAM]
    return {
        "api": login.rstrip("/").removesuffix("login"),
        "apps": [
            {"appid": app.appid, "platform": app.platform, "name": app.name}
            for app in minis or demo
        ],
        "admin": reverse_or_none("admin:index"),
        "docs": reverse_or_none("docs"),
        # Parts of the page that wait for the project to have them.
        "avatar": reverse_or_none("wxauth:avatar") is not None,
        "phoneCode": "/sandbox/phone_code" in ROUTES,
        "people": [
            {"name": name, "nickname": fake.person(name).nickname, "phone": fake.person(name).phone}
            for name in fake.people
        ],
    }
