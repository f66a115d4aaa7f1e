"""As tutorials show it: requests.get, get_or_create three times, REST framework's authtoken."""

from __future__ import annotations

import os

import requests
from django.contrib.auth.models import User
from django.urls import path
from rest_framework.authentication import TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.response import Response
from rest_framework.views import APIView
from targets.people.models import Account


class Bearer(TokenAuthentication):
    keyword = "Bearer"


class LoginView(APIView):
    authentication_classes = ()
    permission_classes = ()

    def post(self, request):
        answer = requests.get(
            os.environ["WXAUTH_API_BASE"] + "/sns/jscode2session",
            params={
                "appid": os.environ["WXAUTH_APPID"],
                "secret": os.environ["WXAUTH_SECRET"],
                "js_code": request.data["code"],
                "grant_type": "authorization_code",
            },
            timeout=5,
        ).json()
        user, _ = User.objects.get_or_create(username=answer["openid"])
        account, _ = Account.objects.get_or_create(user=user, openid=answer["openid"])
        account.session_key = answer["session_key"]
        account.save()
        token, _ = Token.objects.get_or_create(user=user)
        return Response({"token": token.key, "user": {"id": str(user.pk)}})


class MeView(APIView):
    authentication_classes = (Bearer,)

    def get(self, request):
        user = request.user
        return Response({"id": str(user.pk), "nickname": user.first_name or None})


urlpatterns = [path("login/", LoginView.as_view()), path("me/", MeView.as_view())]
