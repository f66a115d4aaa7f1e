"""Linking on purpose: adding a WeChat app to the caller, and removing an identity."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from rest_framework import exceptions as drf
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from wxauth.services.login import linking
from wxauth.services.login.exchange import get_app
from wxauth.types import Secret
from wxauth.wiring import get_link_authentication

from . import errors, serializers
from .base import View
from .device import get_device
from .schema import WECHAT, Operation


class LinkView(View):
    """Add the WeChat app that this code comes from to the caller, and log in there.

    Takes our token, and whatever ``WXAUTH["LINK_AUTHENTICATION"]`` names: somebody who signed up
    by password has no token of ours yet.
    """

    limit = "link"
    operations = {
        "post": Operation(
            request=serializers.LinkRequestSerializer,
            answer=serializers.LoginAnswerSerializer,
            errors=(
                errors.UNKNOWN_APP,
                errors.INVALID_CODE,
                errors.CODE_USED,
                errors.SNAPSHOT,
                errors.BLOCKED,
                errors.CONFLICT,
                *WECHAT,
            ),
        )
    }

    def get_authenticators(self) -> list[Any]:
        return [*super().get_authenticators(), *(each() for each in get_link_authentication())]

    def perform_authentication(self, request: Request) -> None:
        try:
            super().perform_authentication(request)
            if "Authorization" not in request.headers:
                # By cookie, then, whatever the class: another site could send it along, with a
                # code of its own, and would be let in as this user from then on.
                SessionAuthentication().enforce_csrf(request)
        except drf.PermissionDenied:
            raise drf.NotAuthenticated from None
        if not isinstance(request.user, get_user_model()):
            raise drf.NotAuthenticated

    def post(self, request: Request) -> Response:
        sent = serializers.LinkRequestSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        done = linking.link(
            user=request.user,
            app=get_app(sent.validated_data.get("appid")),
            code=Secret(sent.validated_data["code"]),
            device=get_device(request),
        )
        answer = serializers.LoginAnswerSerializer(done, context={"request": request})
        return Response(answer.data)


class IdentitiesView(View):
    """What the caller can log in with."""

    operations = {"get": Operation(answer=partial(serializers.IdentitySerializer, many=True))}

    def get(self, request: Request) -> Response:
        rows = linking.list_identities(login=self.login)
        one = serializers.IdentitySerializer(context={"request": request})
        return Response([one.to_representation(row) for row in rows])


class IdentityDetailView(View):
    """One of them."""

    operations = {"delete": Operation(errors=(errors.NOT_FOUND, errors.LAST_IDENTITY))}

    def delete(self, request: Request, identity_id: str) -> Response:
        linking.unlink(login=self.login, identity_id=int(identity_id))
        return Response(status=204)
