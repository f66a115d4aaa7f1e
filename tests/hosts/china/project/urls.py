from django.contrib import admin
from django.urls import include, path
from rest_framework_simplejwt.views import TokenObtainPairView
from system import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/wxauth/", include("wxauth.urls")),
    path("api/token/", TokenObtainPairView.as_view()),
    path("api/system/notices/", views.NoticeList.as_view()),
    path("api/system/user_info/", views.UserInfo.as_view()),
    path("api/system/orders/", views.BrokenOrder.as_view()),
    path("api/system/ping/", views.Ping.as_view()),
    path("api/mini/profile/", views.MiniProfile.as_view()),
]
