"""wechatpy for WeChat, simplejwt for the token."""

from __future__ import annotations

import os
import warnings

from django.contrib.auth.models import User
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.tokens import AccessToken
from targets.people.models import Account
from wechatpy import WeChatClient
from wechatpy.client.api import WeChatWxa

warnings.filterwarnings("ignore", category=DeprecationWarning, module="wechatpy")
WeChatWxa.API_BASE_URL = os.environ["WXAUTH_API_BASE"] + "/"
# It sends an access_token with everything, code2Session too; its way to one knows no other host.
client = WeChatClient(
    os.environ["WXAUTH_APPID"], os.environ["WXAUTH_SECRET"], access_token="unused", timeout=5
)


class LoginView(APIView):
    authentication_classes = ()
    permission_classes = ()

    def post(self, request):
        answer = client.wxa.code_to_session(request.data["code"])
        user, _ = User.objects.get_or_create(username=answer["openid"])
        Account.objects.update_or_create(
            user=user, openid=answer["openid"], defaults={"session_key": answer["session_key"]}
        )
        token = AccessToken.for_user(user)
        return Response({"token": str(token), "user": {"id": str(user.pk)}})


class MeView(APIView):
    authentication_classes = (JWTAuthentication,)

    def get(self, request):
        user = request.user
        return Response({"id": str(user.pk), "nickname": user.first_name or None})


urlpatterns = [path("login/", LoginView.as_view()), path("me/", MeView.as_view())]
