from __future__ import annotations

from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import set_rollback


class WrappingRenderer(JSONRenderer):
    """Every answer is 200 and {code, msg, data}."""

    def render(self, data, accepted_media_type=None, renderer_context=None):
        if not (isinstance(data, dict) and {"code", "msg"} <= data.keys()):
            data = {"code": 2000, "msg": "success", "data": data}
        renderer_context["response"].status_code = 200
        return super().render(data, accepted_media_type, renderer_context)


def wrap_exception(error, context):
    set_rollback()
    code = 4000
    if isinstance(error, (exceptions.AuthenticationFailed, exceptions.NotAuthenticated)):
        code = 401
    if isinstance(error, exceptions.Throttled):
        code = 429
    return Response({"code": code, "msg": str(error), "data": None}, status=200)
