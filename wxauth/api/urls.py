"""Every path answers with and without its final slash: no redirect, which would lose the body."""

from __future__ import annotations

from django.urls import path, re_path

from . import views

app_name = "wxauth"

urlpatterns = [
    re_path(r"^login/?$", views.LoginView.as_view(), name="login"),
    re_path(r"^logout/?$", views.LogoutView.as_view(), name="logout"),
    re_path(r"^logout/all/?$", views.LogoutAllView.as_view(), name="logout-all"),
    re_path(r"^me/?$", views.MeView.as_view(), name="me"),
    re_path(r"^me/userinfo/?$", views.UserInfoView.as_view(), name="userinfo"),
    re_path(r"^me/phone/?$", views.PhoneView.as_view(), name="phone"),
    re_path(r"^me/logins/?$", views.LoginsView.as_view(), name="logins"),
    re_path(
        r"^me/logins/(?P<login_id>[0-9]{1,18})/?$",
        views.LoginDetailView.as_view(),
        name="login-detail",
    ),
    re_path(r"^decrypt/?$", views.DecryptView.as_view(), name="decrypt"),
    path("<path:rest>", views.NotFoundView.as_view()),
    path("", views.NotFoundView.as_view()),
]
