from django.urls import include, path
from members.views import Whoami, old_login

urlpatterns = [
    path("wx/login", old_login),
    path("api/whoami/", Whoami.as_view()),
    path("api/wxauth/", include("wxauth.urls")),
]
