"""Where WeChat pushes to: one address an app. (channels 5.3)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, cast

from django.http import HttpResponse
from rest_framework.request import Request

from wxauth.services.push import receiving

from . import errors
from .base import View
from .parsers import read_body


def _handle(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """Every refusal is the same: whatever was wrong with it is for the log."""
    told = errors.handle(error, context)
    refused = told.status_code < 500 and told.status_code != 405
    kept = () if refused else ("Allow", "Retry-After")
    headers = {name: told[name] for name in kept if name in told}
    return _text("", status=403 if refused else told.status_code, headers=headers)


class PushView(View):
    """The console's check, and everything that WeChat has to tell."""

    authentication_classes = []
    permission_classes: Any = []
    schema = None
    max_body = 64 * 1024

    def get(self, request: Request, appid: str) -> HttpResponse:
        echo = receiving.answer_check(appid=appid, query=request.query_params.dict())
        self.appid = appid
        return _text(echo)

    def post(self, request: Request, appid: str) -> HttpResponse:
        try:
            body = read_body(cast("IO[bytes]", request), self.max_body)
        except errors.PayloadTooLarge:
            body = b""  # Refused, and counted, as anything else is.
        receiving.receive(appid=appid, query=request.query_params.dict(), body=body)
        self.appid = appid
        return _text("success")

    def get_exception_handler(self) -> Any:
        return _handle

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        renderer = self.get_renderers()[0]  # For nothing: every answer here is a text.
        return renderer, renderer.media_type


def _text(
    text: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    # Whatever is echoed is no page.
    return HttpResponse(
        text,
        status=status,
        content_type="text/plain; charset=utf-8",
        headers={"X-Content-Type-Options": "nosniff", **(headers or {})},
    )
