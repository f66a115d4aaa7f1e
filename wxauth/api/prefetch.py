"""What WeChat's servers fetch for a mini-program that is about to start (数据预拉取).

Nothing signs the request, and its senders are not known: it proves what its token or code proves.
"""

from __future__ import annotations

import logging
from typing import Any

from django.http import QueryDict
from rest_framework import exceptions as drf
from rest_framework.request import Request
from rest_framework.response import Response

from wxauth.authentication import get_login
from wxauth.conf import conf
from wxauth.crypto.tokens import TOKEN_PREFIX
from wxauth.exceptions import NotFound, UnknownApp
from wxauth.models import Login
from wxauth.services import limits
from wxauth.services.login.by_code import log_in
from wxauth.services.login.exchange import get_app
from wxauth.types import App, Channel, Kind, Secret
from wxauth.wiring import get_adapter, get_user_serializer

from . import errors, serializers
from .base import PlainJSONRenderer, View
from .device import get_device
from .parsers import read_once
from .schema import WECHAT, Operation

logger = logging.getLogger("wxauth.prefetch")

#: Bytes of an answer that WeChat keeps (channels 7): the smaller meaning of its 256 KB.
MAX_ANSWER = 256_000


class PrefetchView(View):
    """Answer a pre-fetch: by our token with who it is, by WeChat's code with a login."""

    limit = "prefetch"
    authentication_classes = []
    permission_classes: Any = []
    # HEAD would spend the code in vain.
    http_method_names = ["get"]
    operations = {
        "get": Operation(
            query=serializers.PrefetchSerializer,
            answer=serializers.PrefetchAnswerSerializer,
            errors=(
                errors.INVALID_REQUEST,
                errors.UNKNOWN_APP,
                errors.INVALID_TOKEN,
                errors.INVALID_CODE,
                errors.CODE_USED,
                errors.BLOCKED,
                errors.NOT_REGISTERED,
                errors.SIGNUP_REFUSED,
                errors.NOT_FOUND,
                errors.CONFLICT,
                *WECHAT,
            ),
        )
    }

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        # Taken out of the request: whoever logs or shows it (Django's own warnings have all of it
        # beside their text) finds neither token nor code.
        self.query, request.GET = request.GET, QueryDict()
        request.META["QUERY_STRING"] = ""
        return super().dispatch(request, *args, **kwargs)

    def check_throttles(self, request: Request) -> None:
        """Not by address: WeChat's servers share few. By app, as soon as it is known."""

    def get(self, request: Request) -> Response:
        if not conf.PREFETCH:
            raise NotFound("Nothing is fetched ahead here.")
        sent = serializers.PrefetchSerializer(data=read_once(self.query))
        sent.is_valid(raise_exception=True)
        fields = sent.validated_data
        app = _get_app(fields["appid"])
        self.appid = app.appid
        limits.hit(self.limit, app.appid, appid=app.appid)
        if "code" in fields:
            return self._log_in(app, Secret(fields["code"]))
        return self._tell(app, fields)

    def _log_in(self, app: App, code: Secret) -> Response:
        done = log_in(app=app, code=code, device=get_device(self.request), channel=Channel.PREFETCH)
        self.new_login = done.login
        answer = serializers.LoginAnswerSerializer(done, context={"request": self.request})
        return Response(self._fit(answer.data))

    def _tell(self, app: App, fields: dict[str, Any]) -> Response:
        login = _find_login(fields.pop("token"), app)
        self.new_login = login
        user = get_user_serializer()(login.person, context={"request": self.request})
        extra = get_adapter().prefetch(
            login=login, path=fields["path"], query=fields["query"], scene=fields["scene"]
        )
        return Response(self._fit({"user": user.data, "extra": extra}))

    def _fit(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body with as much in it as WeChat keeps."""
        size = len(PlainJSONRenderer().render(self.envelope(200, body)[1]))
        if size <= MAX_ANSWER:
            return body
        logger.warning("An answer of %d bytes is too large to fetch ahead: without extra.", size)
        return {**body, "extra": {}}


def _get_app(appid: str) -> App:
    app = get_app(appid)
    if app.kind is not Kind.MINIPROGRAM:
        raise UnknownApp("Only mini-programs are fetched ahead.")
    return app


def _find_login(token: str, app: App) -> Login:
    login = get_login(token) if token.startswith(TOKEN_PREFIX) else None
    if login is None or login.appid != app.appid:
        raise drf.AuthenticationFailed
    return login
