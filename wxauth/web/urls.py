"""``path("wechat/", include("wxauth.web.urls"))``"""

from __future__ import annotations

from django.urls import path

from . import views

app_name = "wxauth_web"

urlpatterns = [
    path("start/<str:appid>/", views.StartView.as_view(), name="start"),
    path("link/<str:appid>/", views.LinkView.as_view(), name="link"),
    # One for all apps: WeChat knows one registered host, and the app comes from the state.
    path("callback/", views.CallbackView.as_view(), name="callback"),
    path("enter/", views.EnterView.as_view(), name="enter"),
]
