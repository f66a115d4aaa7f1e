from django.contrib import admin
from django.urls import include, path
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView
from shop.views import KnoxLogin, Whoami

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("api/wxauth/", include("wxauth.urls")),
    path("api/whoami/", Whoami.as_view()),
    path("api/jwt/", TokenObtainPairView.as_view()),
    path("api/jwt/refresh/", TokenRefreshView.as_view()),
    path("api/authtoken/", obtain_auth_token),
    path("api/knox/", KnoxLogin.as_view()),
]
