"""Logging in by HTTP, whatever shape the request and the answer have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.datastructures import MultiValueDict
from rest_framework.request import Request
from rest_framework.response import Response

from wxauth.exceptions import RateLimited
from wxauth.services.limits import Hit
from wxauth.services.login import by_gateway
from wxauth.services.login.by_code import log_in
from wxauth.services.login.enclosures import Enclosure
from wxauth.services.login.entry import LoggedIn
from wxauth.services.login.exchange import get_app
from wxauth.types import Secret
from wxauth.wiring import Part

from . import serializers
from .base import View
from .device import get_device
from .parsers import MAX_DATA, read_once


@dataclass(frozen=True)
class LoginRequest:
    """What a phone asks for when it logs in. ``parse`` makes one by the rules of ``login/``."""

    #: What ``wx.login`` gave, or a mobile app's SDK. None: the gateway of WeChat Cloud Hosting says
    #: who it is, where ``WXAUTH["CLOUD"]`` is on.
    code: Secret | None
    #: None: the default app.
    appid: str | None = None
    #: What the phone button gave.
    phone_code: Secret | None = None
    #: Encrypted and signed data that came along.
    enclosure: Enclosure | None = None
    #: False only asks whether this person is registered.
    signup: bool = True
    #: For the adapter, at a first login.
    extra: Mapping[str, Any] | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, fields: Any) -> LoginRequest:
        """From the fields of ``login/``, under their names there and held to its rules.

        ``fields`` is a dict or a QueryDict. What the phone did not send is left out: None is a
        value, and refused. Other fields are ignored. What is wrong is answered as
        ``invalid_request`` with its ``field``.
        """
        if isinstance(fields, MultiValueDict):
            fields = read_once(fields)
        good = _get_rules().run_validation(fields)
        return cls(
            code=Secret(good["code"]) if "code" in good else None,
            appid=good.get("appid"),
            phone_code=Secret(good["phone_code"]) if "phone_code" in good else None,
            enclosure=Enclosure(
                encrypted_data=good.get("encryptedData"),
                iv=good.get("iv"),
                raw_data=good.get("rawData"),
                signature=good.get("signature"),
            ),
            signup=good["signup"],
            extra=good.get("extra"),
        )


@Part
def _get_rules() -> serializers.LoginRequestSerializer:
    """Made once: REST framework copies all fields for every serializer that is asked."""
    return serializers.LoginRequestSerializer()


class LoginView(View):
    """A login in JSON. For a client that speaks otherwise, subclass it and override what differs.

    Whatever a subclass overrides, the limits, the table of errors, the log, the request id and
    ``no-store`` are those of ``login/``, and so is the window in which an address is counted.
    """

    authentication_classes = []
    permission_classes: Any = []
    limit = "login_address"
    max_body = MAX_DATA
    #: A subclass may take GET. HEAD, which Django derives from it, would spend the code in vain.
    http_method_names = ["get", "post"]
    #: A subclass is not like ``login/``: what drf-spectacular says of it is for the project to say.
    schema = None
    #: The request, until it is counted.
    _hit: Hit | None = None

    def _count(self, hit: Hit) -> None:
        handler = getattr(self, str(self.request.method).lower(), None)
        if getattr(handler, "__func__", None) is not LoginView.post:
            super()._count(hit)
            return
        # On one way to the cache with the claim of the code, or when something goes wrong before.
        hit.refuse_known()
        self._hit = hit

    def handle_exception(self, exc: Exception) -> Response:
        if self._hit is not None and not self._hit.is_counted:
            try:
                self._hit.count()
            except RateLimited as limited:
                exc = limited
        return super().handle_exception(exc)

    def read_login(self, request: Request) -> LoginRequest:
        """What the phone asks for.

        Raise ``wxauth.exceptions.InvalidRequest`` for what cannot be read.
        """
        return LoginRequest.parse(request.data)

    def shape_answer(self, done: LoggedIn) -> Any:
        """The body of the answer to a login, as JSON values. The token is shown here only."""
        return serializers.LoginAnswerSerializer(done, context={"request": self.request}).data

    def post(self, request: Request) -> Response:
        login = self.read_login(request)
        rest: dict[str, Any] = {
            "phone_code": login.phone_code,
            "enclosure": login.enclosure,
            "signup": login.signup,
            "extra": login.extra,
            "device": get_device(request),
            "hit": self._hit,
        }
        if login.code is None:
            app, session = by_gateway.read(request.headers, login.appid)
            self.appid = app.appid
            done = by_gateway.log_in(app=app, session=session, **rest)
        else:
            app = get_app(login.appid)
            self.appid = app.appid
            done = log_in(app=app, code=login.code, **rest)
        self.new_login = done.login
        return Response(self.shape_answer(done))
