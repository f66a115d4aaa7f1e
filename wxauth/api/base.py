"""The base of every view: whatever the project has set for REST framework does not leak in."""

from __future__ import annotations

import contextlib
from typing import Any, ClassVar, cast

from django.db import connections, transaction
from django.http import UnreadablePostError
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.views import APIView

from wxauth.authentication import TokenAuthentication
from wxauth.logging import answering, choose_request_id, finish
from wxauth.models import Login
from wxauth.services.limits import Hit
from wxauth.types import Secret
from wxauth.wiring import get_envelope

from . import errors, limits
from .parsers import StrictJSONParser
from .schema import Operation, make_schema

#: What is not one of these is the caller's own text.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

#: Bytes of a body that nobody wants which are read nevertheless, and the size of a piece.
_DISCARDED, _PIECE = 16 * 1024 * 1024, 64 * 1024


class _Encoder(JSONEncoder):
    """Here, at the last moment, a secret becomes text: the frames before this one hold none."""

    def default(self, obj: Any) -> Any:
        return obj.reveal() if isinstance(obj, Secret) else super().default(obj)


class PlainJSONRenderer(JSONRenderer):
    encoder_class = _Encoder
    compact = True
    ensure_ascii = False
    strict = True

    def get_indent(self, accepted_media_type: str, renderer_context: Any) -> None:
        return None


class JSONOnly(BaseContentNegotiation):
    """JSON for whoever takes it, and errors in JSON for whoever does not."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            return None  # Nothing is unpacked: 64 KB can be 64 MB.
        sent = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == sent), None)

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[Any, str]:
        accepted = request.headers.get("Accept", "*/*")
        ranges = [part.partition(";")[0].strip().lower() for part in accepted.split(",")]
        if not {"*/*", "application/*", "application/json", ""} & set(ranges):
            raise NotAcceptable
        return renderers[0], renderers[0].media_type


class View(APIView):
    """JSON in, JSON out; our token; our errors; never stored by anybody on the way.

    Not atomic: a project's ATOMIC_REQUESTS would roll back what a refused request must leave
    behind.
    """

    parser_classes = [StrictJSONParser]
    renderer_classes = [PlainJSONRenderer]
    content_negotiation_class = JSONOnly
    authentication_classes = [TokenAuthentication]
    permission_classes: Any = [IsAuthenticated]
    throttle_classes: Any = []
    versioning_class = None
    metadata_class = None
    schema = make_schema()
    #: What the schema says, by method in lower case.
    operations: ClassVar[dict[str, Operation]] = {}
    #: Whether the code in a request may be sent once more when WeChat's answer was lost.
    repeatable: ClassVar[bool] = False
    #: The one of ``WXAUTH["LIMITS"]`` that counts requests here, but for those of some methods.
    limit: ClassVar[str] = ""
    unlimited: ClassVar[frozenset[str]] = frozenset()
    #: Bytes of a body that is not a picture.
    max_body: ClassVar[int] = 4 * 1024
    #: For the log, as far as it is known: the error code, the configured app, who was let in.
    code = ""
    appid = ""
    new_login: Login | None = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        self.request_id = choose_request_id(request.headers.get("X-Request-ID", ""))
        with answering(self.request_id) as told:
            response = super().dispatch(request, *args, **kwargs)
            finish(told, **self._describe(request, response.status_code))
        return response

    def _describe(self, request: Any, status: int) -> dict[str, Any]:
        """What the log may say. The path by its name: what was asked for may be anything."""
        match = request.resolver_match
        # Not `auth`: where the database has just failed, that would ask it once more.
        login = getattr(self.request, "_auth", None)
        if not isinstance(login, Login):
            login = self.new_login
        return {
            "method": request.method if request.method in METHODS else "other",
            "path": (match and match.url_name) or "unknown",
            "status": status,
            "code": self.code,
            "appid": login.appid if login else self.appid,
            "user": str(login.person.user_id) if login else "",
        }

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        view = super().as_view(**initkwargs)
        for alias in connections:
            view = transaction.non_atomic_requests(using=alias)(view)
        return view

    def get_exception_handler(self) -> Any:
        return errors.handle

    def shape_error(self, error: dict[str, Any]) -> Any:
        """The body of the answer to an error, from ours: ``code``, ``detail``, ``action``, …"""
        return error

    def envelope(self, status: int, body: Any) -> tuple[int, Any]:
        """The last word on every answer: that of ``WXAUTH["ENVELOPE"]``."""
        envelope = get_envelope()
        return (status, body) if envelope is None else envelope(status, body)

    def check_throttles(self, request: Request) -> None:
        if self.limit and request.method not in self.unlimited:
            self._count(limits.hit_of(request, self.limit))

    def _count(self, hit: Hit) -> None:
        hit.count()

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        try:
            return super().perform_content_negotiation(request)
        except NotAcceptable:
            if not force:
                raise
            renderer = self.get_renderers()[0]
            return renderer, renderer.media_type

    @property
    def allowed_methods(self) -> list[str]:
        return [method for method in super().allowed_methods if method != "OPTIONS"]

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        return self.http_method_not_allowed(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(response, Response):
            response.status_code, response.data = self.envelope(response.status_code, response.data)
        _discard_body(request)
        response = super().finalize_response(request, response, *args, **kwargs)
        response["X-Request-ID"] = self.request_id
        response["Cache-Control"] = "no-store"
        return response

    @property
    def login(self) -> Login:
        """The caller's login. For views that require one."""
        return cast(Login, self.request.auth)


def _discard_body(request: Any) -> None:
    """Read what is left of the body, within bounds.

    A server that closes a connection with unread bytes resets it, and a phone that is still
    sending never sees the answer which says what is wrong.
    """
    with contextlib.suppress(UnreadablePostError):
        for _ in range(_DISCARDED // _PIECE):
            if not request.read(_PIECE):
                return
