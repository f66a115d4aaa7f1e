from accounts.views import Whoami
from django.urls import include, path

urlpatterns = [
    path("api/wxauth/", include("wxauth.urls")),
    path("api/whoami/", Whoami.as_view()),
]
