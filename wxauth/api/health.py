"""``/healthz`` and ``/readyz`` for load balancers."""

from __future__ import annotations

from collections.abc import Callable

from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse


class HealthMiddleware:
    """Answers before host and TLS checks, which a load balancer's probe does not pass.

    Put it first in MIDDLEWARE. ``/healthz``: the process answers. ``/readyz``: the database
    answers and every migration is applied.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info == "/healthz":
            return _answer(200, "ok")
        if request.path_info == "/readyz":
            return _readiness()
        return self.get_response(request)


def _readiness() -> HttpResponse:
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error:
        return _answer(503, "database_unavailable")
    finally:
        # No request has started for Django, so none will end: it would keep the connection.
        connection.close()
    return _answer(503, "migrations_pending") if pending else _answer(200, "ok")


def _answer(status: int, word: str) -> HttpResponse:
    answer = JsonResponse({"status": word}, status=status)
    answer["Cache-Control"] = "no-store"
    return answer
