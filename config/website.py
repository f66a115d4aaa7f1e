"""A page of this project for browsers: a shop on the web and in WeChat's browser.

It is there where a website or an official account is configured, and in development.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.templatetags.static import static
from django.views.decorators.http import require_http_methods

from wxauth.conf import SANDBOX_APPS, conf
from wxauth.types import Kind
from wxauth.web import get_openid


@require_http_methods(["GET", "HEAD", "POST"])
def website(request: HttpRequest) -> HttpResponse:
    apps = conf.APPS.values() or (SANDBOX_APPS.values() if conf.SANDBOX else ())
    doors = {app.kind: app.appid for app in reversed(list(apps))}
    site, account = doors.get(Kind.WEBSITE), doors.get(Kind.OFFICIAL_ACCOUNT)
    if site is None and account is None:
        raise Http404
    if request.method == "POST":
        request.session["cart"] = request.session.get("cart", 0) + 1
        return HttpResponseRedirect(request.path)
    context = {
        "site": site,
        "account": account,
        "in_wechat": "MicroMessenger" in request.headers.get("User-Agent", ""),
        "guest": account is not None and get_openid(request, account) is not None,
        "person": getattr(request.user, "wxauth_person", None),
        "cart": request.session.get("cart", 0),
        "style": request.build_absolute_uri(static("wxauth/web.css")),
    }
    return render(request, "website.html", context)
