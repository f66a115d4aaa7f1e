from __future__ import annotations

import json

import requests
from django.conf import settings
from django.http import JsonResponse
from rest_framework.response import Response
from rest_framework.views import APIView

from .models import Member
from .wechat import APPID


def old_login(request):
    """As thousands of projects have it. Nothing here knows of wxauth."""
    answer = requests.get(
        settings.WXAUTH["API_BASE"] + "/sns/jscode2session",
        params={
            "appid": APPID,
            "secret": settings.WXAUTH["APPS"][APPID]["SECRET"],
            "js_code": json.loads(request.body)["code"],
            "grant_type": "authorization_code",
        },
        timeout=5,
    ).json()
    if "openid" not in answer:
        return JsonResponse({"errno": 1, "errmsg": answer["errmsg"]})
    member, _created = Member.objects.get_or_create(
        openid=answer["openid"], defaults={"username": answer["openid"]}
    )
    return JsonResponse({"errno": 0, "data": {"id": member.pk, "token": member.auth_token.key}})


class Whoami(APIView):
    def get(self, request):
        return Response({"id": request.user.pk})
