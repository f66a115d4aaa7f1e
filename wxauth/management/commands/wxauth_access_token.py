from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from wxauth.clock import rfc3339
from wxauth.conf import conf
from wxauth.exceptions import WxauthError
from wxauth.types import App
from wxauth.wechat.access_token import WAIT
from wxauth.wiring import get_access_tokens, get_client, get_own_access_tokens


class Command(BaseCommand):
    help = "Make sure that there is an access_token of an app, and say until when. Never prints it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("appid")
        parser.add_argument(
            "--force-refresh",
            action="store_true",
            help="end the present one at once, as after a leak: at most 20 times a day and with "
            "30 seconds in between (WeChat's rule)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._handle(conf.get_app(options["appid"]), force_refresh=options["force_refresh"])
        except WxauthError as error:
            raise CommandError(str(error)) from None

    def _handle(self, app: App, *, force_refresh: bool) -> None:
        if app.access_token:
            if force_refresh:
                raise CommandError(_("This app has an ACCESS_TOKEN of its own: renew it there."))
            get_own_access_tokens(app.access_token).get(app.appid, seconds=WAIT)
            self.stdout.write(_("The project's own source gave an access_token."))
            return
        tokens = get_access_tokens()
        if force_refresh:
            token, seconds = get_client(app).stable_access_token(force_refresh=True)
            tokens.replace(app.appid, token, seconds)
        moment = datetime.fromtimestamp(tokens.expires_at(app.appid), tz=timezone.utc)
        self.stdout.write(
            _("The access_token of %(app)s is good until %(moment)s.")
            % {"app": app.appid, "moment": rfc3339(moment)}
        )
