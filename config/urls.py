from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import TemplateView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from wxauth.api.views import NotFoundView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/wxauth/", include("wxauth.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    # The API never answers HTML, not even Django's own 404 page for developers.
    re_path(r"^api(/|$)", NotFoundView.as_view()),
]
if settings.DEBUG:
    urlpatterns += [path("", TemplateView.as_view(template_name="index.html"), name="index")]

handler400 = "config.errors.bad_request"
handler500 = "config.errors.server_error"
