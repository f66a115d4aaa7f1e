"""Every path answers with and without its final slash: no redirect, which would lose the body."""

from __future__ import annotations

from django.urls import re_path

from . import identities, prefetch, push, views, web_ticket

app_name = "wxauth"

urlpatterns = [
    re_path(r"^login/?$", views.LoginView.as_view(), name="login"),
    re_path(r"^logout/?$", views.LogoutView.as_view(), name="logout"),
    re_path(r"^logout/all/?$", views.LogoutAllView.as_view(), name="logout-all"),
    re_path(r"^me/?$", views.MeView.as_view(), name="me"),
    re_path(r"^me/deletion/cancel/?$", views.DeletionCancelView.as_view(), name="deletion-cancel"),
    re_path(r"^me/export/?$", views.ExportView.as_view(), name="export"),
    re_path(r"^me/avatar/?$", views.AvatarView.as_view(), name="avatar"),
    re_path(r"^me/userinfo/?$", views.UserInfoView.as_view(), name="userinfo"),
    re_path(r"^me/phone/?$", views.PhoneView.as_view(), name="phone"),
    re_path(r"^me/logins/?$", views.LoginsView.as_view(), name="logins"),
    re_path(
        r"^me/logins/(?P<login_id>[0-9]{1,18})/?$",
        views.LoginDetailView.as_view(),
        name="login-detail",
    ),
    re_path(r"^me/identities/?$", identities.IdentitiesView.as_view(), name="identities"),
    re_path(
        r"^me/identities/(?P<identity_id>[0-9]{1,18})/?$",
        identities.IdentityDetailView.as_view(),
        name="identity-detail",
    ),
    re_path(r"^link/?$", identities.LinkView.as_view(), name="link"),
    re_path(r"^web-ticket/?$", web_ticket.WebTicketView.as_view(), name="web-ticket"),
    re_path(r"^decrypt/?$", views.DecryptView.as_view(), name="decrypt"),
    re_path(r"^session/check/?$", views.SessionCheckView.as_view(), name="session-check"),
    re_path(r"^prefetch/?$", prefetch.PrefetchView.as_view(), name="prefetch"),
    re_path(r"^push/(?P<appid>[A-Za-z0-9_-]{1,32})/?$", push.PushView.as_view(), name="push"),
    # Not "<path:rest>", which knows no line breaks.
    re_path(r"", views.NotFoundView.as_view()),
]
