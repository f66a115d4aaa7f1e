from __future__ import annotations

from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from wxauth.authentication import TokenAuthentication

from .models import Notice, Order


class NoticeSerializer(serializers.ModelSerializer):
    class Meta:
        model = Notice
        fields = ["title", "created"]


class NoticeList(ListAPIView):
    queryset = Notice.objects.order_by("pk")
    serializer_class = NoticeSerializer

    def post(self, request):
        Notice.objects.create(title=request.data["title"])
        return Response("ok")


class UserInfo(APIView):
    """Whoever the framework's own login let in."""

    def get(self, request):
        return Response({"id": request.user.pk, "username": request.user.username})


class BrokenOrder(APIView):
    """Writes, then fails: ATOMIC_REQUESTS takes it back."""

    def post(self, request):
        Order.objects.create(user=request.user, text="half done")
        raise ValueError("out of stock")


class Ping(APIView):
    authentication_classes = []
    permission_classes = [AllowAny]

    def get(self, request):
        return Response("pong")


class MiniProfile(APIView):
    """A page of the mini-program: the framework's habits, our token."""

    authentication_classes = [TokenAuthentication]

    def get(self, request):
        return Response({"id": request.user.pk, "openid": request.auth.openid})
