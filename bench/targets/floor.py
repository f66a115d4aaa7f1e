"""The floor: one view of REST framework, raw SQL, http.client. Nobody would write it so."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import secrets
import ssl
import threading
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import certifi
from django.db import connection
from django.urls import path
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.views import APIView

_WECHAT = urlsplit(os.environ["WXAUTH_API_BASE"])
_TLS = ssl.create_default_context(cafile=certifi.where())
_kept = threading.local()

RETURNING = """
WITH known AS (UPDATE people_account SET session_key = %s WHERE openid = %s RETURNING user_id)
INSERT INTO people_token (digest, user_id, expires_at)
SELECT %s, user_id, %s FROM known RETURNING user_id
"""
FIRST = """
WITH made AS (
    INSERT INTO auth_user (username, password, first_name, last_name, email, is_superuser, is_staff,
                           is_active, date_joined)
    VALUES (%s, '!', '', '', '', false, false, true, %s) RETURNING id
), known AS (
    INSERT INTO people_account (user_id, openid, session_key, phone)
    SELECT id, %s, %s, '' FROM made RETURNING user_id
)
INSERT INTO people_token (digest, user_id, expires_at)
SELECT %s, user_id, %s FROM known RETURNING user_id
"""


def ask_wechat(code: str) -> dict[str, str]:
    if not hasattr(_kept, "connection"):
        _kept.connection = (
            http.client.HTTPSConnection(_WECHAT.hostname, _WECHAT.port, timeout=5, context=_TLS)
            if _WECHAT.scheme == "https"
            else http.client.HTTPConnection(_WECHAT.hostname, _WECHAT.port, timeout=5)
        )
    query = urlencode(
        {
            "appid": os.environ["WXAUTH_APPID"],
            "secret": os.environ["WXAUTH_SECRET"],
            "js_code": code,
            "grant_type": "authorization_code",
        }
    )
    _kept.connection.request("GET", f"/sns/jscode2session?{query}")
    answer: dict[str, str] = json.loads(_kept.connection.getresponse().read())
    return answer


class LoginView(APIView):
    authentication_classes = ()
    permission_classes = ()

    def post(self, request):
        session = ask_wechat(request.data["code"])
        openid, key = session["openid"], session["session_key"]
        token = secrets.token_urlsafe(32)
        digest = hashlib.sha256(token.encode()).hexdigest()
        now = timezone.now()
        expires = now + timedelta(days=7)
        with connection.cursor() as cursor:
            cursor.execute(RETURNING, [key, openid, digest, expires])
            row = cursor.fetchone()
            if row is None:
                cursor.execute(FIRST, [openid, now, openid, key, digest, expires])
                row = cursor.fetchone()
        return Response({"token": token, "user": {"id": str(row[0])}})


urlpatterns = [path("login/", LoginView.as_view())]
