"""knox for the token. Only ``me`` is compared: its login is there to make one."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.urls import path
from knox.auth import TokenAuthentication
from knox.models import AuthToken
from rest_framework.response import Response
from rest_framework.views import APIView


class LoginView(APIView):
    authentication_classes = ()
    permission_classes = ()

    def post(self, request):
        user, _ = User.objects.get_or_create(username=request.data["code"])
        _, token = AuthToken.objects.create(user=user)
        return Response({"token": token, "user": {"id": str(user.pk)}})


class MeView(APIView):
    authentication_classes = (TokenAuthentication,)

    def get(self, request):
        user = request.user
        return Response({"id": str(user.pk), "nickname": user.first_name or None})


urlpatterns = [path("login/", LoginView.as_view()), path("me/", MeView.as_view())]
