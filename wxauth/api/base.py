"""The base of every view: whatever the project has set for REST framework does not leak in."""

from __future__ import annotations

import re
import uuid
from typing import Any, ClassVar, cast

from django.db import transaction
from django.utils.decorators import method_decorator
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from wxauth.authentication import TokenAuthentication
from wxauth.models import Login
from wxauth.wiring import get_envelope

from . import errors
from .parsers import StrictJSONParser
from .schema import Operation, make_schema

#: A request id of the caller's is passed on where it cannot forge a log line.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)


class PlainJSONRenderer(JSONRenderer):
    compact = True
    ensure_ascii = False
    strict = True

    def get_indent(self, accepted_media_type: str, renderer_context: Any) -> None:
        return None


class JSONOnly(BaseContentNegotiation):
    """JSON for whoever takes it, and errors in JSON for whoever does not."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
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


@method_decorator(transaction.non_atomic_requests, name="dispatch")
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

    def get_exception_handler(self) -> Any:
        return errors.handle

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        try:
            return super().perform_content_negotiation(request)
        except NotAcceptable:
            if not force:
                raise
            renderer = self.get_renderers()[0]
            return renderer, renderer.media_type

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        return self.http_method_not_allowed(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        envelope = get_envelope()
        if envelope is not None and isinstance(response, Response):
            response.status_code, response.data = envelope(response.status_code, response.data)
        response = super().finalize_response(request, response, *args, **kwargs)
        sent = request.headers.get("X-Request-ID", "")
        response["X-Request-ID"] = sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
        response["Cache-Control"] = "no-store"
        return response

    @property
    def login(self) -> Login:
        """The caller's login. For views that require one."""
        return cast(Login, self.request.auth)
