"""The first page in development: the simulated phone, where the sandbox stands in for WeChat."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from wxauth.conf import conf


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    if not conf.SANDBOX:
        return render(request, "index.html")
    # Under the name by which the browser reached this page: it may be a phone on the LAN.
    name = urlsplit(f"//{request.get_host()}").hostname or "127.0.0.1"
    host = f"[{name}]" if ":" in name else name
    return redirect(f"http://{host}:{urlsplit(conf.API_BASE).port}/")
