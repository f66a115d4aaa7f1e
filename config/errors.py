"""Errors that no view of the API has seen, such as a forbidden Host or a bug in a middleware.

Below ``/api/`` they are the API's own JSON, everywhere else the project's pages.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults

from wxauth.api.errors import describe
from wxauth.exceptions import InvalidRequest


def forbidden_hosts(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """A middleware: under DEBUG, Django would answer a forbidden Host with a page of its own."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if _is_api(request):
            try:
                request.get_host()
            except DisallowedHost as error:
                return bad_request(request, error)
        return get_response(request)

    return middleware


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return _answer(400, InvalidRequest(_("The request is not valid.")))
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if _is_api(request):
        return _answer(500, Exception())
    return defaults.server_error(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def _answer(status: int, error: Exception) -> JsonResponse:
    headers = {"Cache-Control": "no-store", "X-Request-ID": uuid.uuid4().hex}
    return JsonResponse(describe(error), status=status, headers=headers)
