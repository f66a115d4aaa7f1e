"""What a careful developer writes by hand: the ORM with as few statements as it takes, one kept
session of requests, a row per token. No limits, nothing sealed, no second chance."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from datetime import timedelta

import requests
from Crypto.Cipher import AES
from Crypto.Util.Padding import unpad
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import path
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.response import Response
from rest_framework.views import APIView
from targets.people.models import Account, Token

BASE = os.environ["WXAUTH_API_BASE"]
APP = {"appid": os.environ["WXAUTH_APPID"], "secret": os.environ["WXAUTH_SECRET"]}

session = requests.Session()
session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=64))
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))
_access_token = ""


def get_access_token() -> str:
    global _access_token
    if not _access_token:
        body = {"grant_type": "client_credential", **APP}
        answer = session.post(f"{BASE}/cgi-bin/stable_token", json=body, timeout=5)
        _access_token = answer.json()["access_token"]
    return _access_token


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Bearer(BaseAuthentication):
    def authenticate(self, request):
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            row = Token.objects.select_related("user").get(digest=digest(token))
        except Token.DoesNotExist:
            raise AuthenticationFailed from None
        if row.expires_at < timezone.now() or not row.user.is_active:
            raise AuthenticationFailed
        return row.user, row

    def authenticate_header(self, request):
        return "Bearer"


class LoginView(APIView):
    authentication_classes = ()
    permission_classes = ()

    def post(self, request):
        params = {**APP, "js_code": request.data["code"], "grant_type": "authorization_code"}
        answer = session.get(f"{BASE}/sns/jscode2session", params=params, timeout=5).json()
        openid, key = answer["openid"], answer["session_key"]
        token = secrets.token_urlsafe(32)
        row = {"digest": digest(token), "expires_at": timezone.now() + timedelta(days=7)}
        try:
            account = Account.objects.get(openid=openid)
        except Account.DoesNotExist:
            with transaction.atomic():
                user = User.objects.create(username=openid, password="!")
                Account.objects.create(user=user, openid=openid, session_key=key)
                Token.objects.create(user=user, **row)
            return Response({"token": token, "user": {"id": str(user.pk)}})
        Account.objects.filter(pk=account.pk).update(session_key=key)
        Token.objects.create(user_id=account.user_id, **row)
        return Response({"token": token, "user": {"id": str(account.user_id)}})


class MeView(APIView):
    authentication_classes = (Bearer,)

    def get(self, request):
        user = request.user
        return Response({"id": str(user.pk), "nickname": user.first_name or None})


class PhoneView(APIView):
    authentication_classes = (Bearer,)

    def post(self, request):
        account = Account.objects.get(user=request.user)
        if "phone_code" in request.data:
            body = {"code": request.data["phone_code"], "openid": account.openid}
            url = f"{BASE}/wxa/business/getuserphonenumber"
            params = {"access_token": get_access_token()}
            info = session.post(url, params=params, json=body, timeout=5).json()["phone_info"]
        else:
            key, iv, data = (
                base64.b64decode(text)
                for text in (account.session_key, request.data["iv"], request.data["encryptedData"])
            )
            info = json.loads(unpad(AES.new(key, AES.MODE_CBC, iv).decrypt(data), 16))
        Account.objects.filter(pk=account.pk).update(phone=info["purePhoneNumber"])
        return Response({"id": str(request.user.pk), "phone": info["purePhoneNumber"]})


urlpatterns = [
    path("login/", LoginView.as_view()),
    path("me/", MeView.as_view()),
    path("me/phone/", PhoneView.as_view()),
]
