from __future__ import annotations

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularSwaggerView

from wxauth.api.views import NotFoundView

from .index import index
from .schema import schema
from .website import website

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/wxauth/", include("wxauth.urls")),
    path("wechat/", include("wxauth.web.urls")),
    path("website/", website, name="website"),
    path("website/logout/", LogoutView.as_view(next_page="website"), name="website-logout"),
    path("api/schema/", schema, name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    # The API never answers HTML, not even Django's own 404 page for developers.
    re_path(r"^api(/|$)", NotFoundView.as_view()),
]
if settings.DEBUG:
    # What people uploaded; in production a proxy or the storage's own server gives it out.
    urlpatterns += static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT)
    urlpatterns += [path("", index, name="index")]

handler400 = "config.errors.bad_request"
handler500 = "config.errors.server_error"
