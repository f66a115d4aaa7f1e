"""The base of every page: what goes wrong is a page too, with the words of the API."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.signals import got_request_exception
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.shortcuts import render, resolve_url
from django.templatetags.static import static
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_protect
from rest_framework.exceptions import MethodNotAllowed

from wxauth.api import errors
from wxauth.api.base import METHODS
from wxauth.logging import answering, choose_request_id, finish
from wxauth.models import Login

logger = logging.getLogger("wxauth.web")

HEADERS = {
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
}


@method_decorator(csrf_protect, name="dispatch")
class Page(View):
    """One page for browsers. Not atomic, as the views of the API are not."""

    # Without HEAD, which Django derives from GET and which would spend a state in vain.
    http_method_names = ["get", "post"]
    #: For the log, as far as it is known.
    code = ""
    appid = ""
    new_login: Login | None = None
    #: The address may hold a code and a state.
    referrer_policy = "no-referrer"
    #: Where a problem lets somebody start again, and go back to.
    again = ""
    back = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request_id = choose_request_id(request.headers.get("X-Request-ID", ""))
        # Out of the request, which Django's warnings and reports carry: a code, a ticket.
        self.query, request.GET = request.GET, QueryDict()
        self.form, request.POST = request.POST, QueryDict()
        request.META["QUERY_STRING"] = ""
        with answering(request_id) as told:
            try:
                response = super().dispatch(request, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 -- as REST framework does for the API
                response = self._explain(request, error, request_id)
            for name, value in HEADERS.items():
                response.headers[name] = value
            response.headers["Referrer-Policy"] = self.referrer_policy
            response.headers["X-Request-ID"] = request_id
            finish(
                told,
                method=request.method if request.method in METHODS else "other",
                path=request.resolver_match and request.resolver_match.url_name,
                status=response.status_code,
                code=self.code,
                appid=self.appid,
                user=str(self.new_login.person_id) if self.new_login else "",
            )
        return response

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        view = super().as_view(**initkwargs)
        for alias in connections:
            view = transaction.non_atomic_requests(using=alias)(view)
        return view

    def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        raise MethodNotAllowed(str(request.method))

    def show(
        self, request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
    ) -> HttpResponse:
        """One of the pages of this room, which projects may override."""
        style = request.build_absolute_uri(static("wxauth/web.css"))
        return render(request, f"wxauth/web/{template}", {**context, "style": style}, status=status)

    def _explain(self, request: HttpRequest, error: Exception, request_id: str) -> HttpResponse:
        row = errors.get_row(error)
        if row is errors.INTERNAL_ERROR:
            # Not left to Django: its report would hold the address, with the code in it.
            logger.error("Unhandled exception in %s.", type(self).__name__, exc_info=error)
            got_request_exception.send(sender=type(self), request=request)
        elif row in (errors.DATABASE_UNAVAILABLE, errors.MISCONFIGURED):
            logger.error("%s: %s: %s", row.code, type(error).__name__, error)
        body = errors.describe(error)
        self.code = body["code"]
        response: HttpResponse
        if wants_json(request, self.query):
            response = JsonResponse(body, status=row.status)
        else:
            again = self.again or resolve_url(settings.LOGIN_URL)
            context = {
                **body,
                "again": again if row.action in {"login", "retry"} else "",
                "back": self.back,
                "request_id": request_id,
            }
            response = self.show(request, "problem.html", context, row.status)
        if "retry_after" in body:
            response.headers["Retry-After"] = str(body["retry_after"])
        if row is errors.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = ", ".join(
                name.upper() for name in self.http_method_names if hasattr(self, name)
            )
        return response


def wants_json(request: HttpRequest, query: QueryDict) -> bool:
    """A script asks for JSON, a browser for a page."""
    if query.get("as") == "json":
        return True
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"
