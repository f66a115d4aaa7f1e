from django.urls import include, path
from shop.api import whoami

urlpatterns = [
    path("api/wxauth/", include("wxauth.urls")),
    path("api/whoami/", whoami),
    path("api/clients/", include("shop.urls")),
]
