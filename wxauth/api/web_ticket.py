"""A mini-program asks for the address that its web-view opens, logged in."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import Http404
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from wxauth.exceptions import InvalidRequest
from wxauth.services.login import tickets
from wxauth.types import Secret
from wxauth.web.doors import is_next

from . import errors, serializers
from .base import View
from .schema import Operation


class WebTicketView(View):
    """An address for the web-view, good once and for a minute.

    Where ``wxauth.web.urls`` are not installed, there is nothing here.
    """

    limit = "web_ticket"
    operations = {
        "post": Operation(
            request=serializers.WebTicketRequestSerializer,
            answer=serializers.WebTicketAnswerSerializer,
            errors=(errors.NOT_FOUND,),
        )
    }

    def post(self, request: Request) -> Response:
        try:
            page = reverse("wxauth_web:enter")
        except NoReverseMatch:
            raise Http404 from None
        sent = serializers.WebTicketRequestSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        path = sent.validated_data.get("next", "")
        if path and not is_next(path):
            raise InvalidRequest(_("This is no path of this site."), field="next")
        query = urlencode({"ticket": tickets.issue(login=self.login).reveal(), "next": path})
        url = Secret(request.build_absolute_uri(f"{page}?{query}"))
        answer = serializers.WebTicketAnswerSerializer({"url": url, "expires_in": tickets.LIFE})
        return Response(answer.data)
