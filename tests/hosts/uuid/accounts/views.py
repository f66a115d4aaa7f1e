from __future__ import annotations

from rest_framework.response import Response
from rest_framework.views import APIView


class Whoami(APIView):
    """A view of the project's own that takes our token."""

    def get(self, request):
        login = request.auth
        return Response({"id": request.user.pk, "appid": login.appid, "openid": login.openid})
