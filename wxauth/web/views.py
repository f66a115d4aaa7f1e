"""One view per path: read the input, call the service, send the browser on."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from rest_framework.exceptions import NotAuthenticated

from wxauth.api.device import make_device
from wxauth.api.limits import hit_of_address
from wxauth.exceptions import Cancelled, InvalidState
from wxauth.services import limits
from wxauth.services.login import by_callback, linking, tickets
from wxauth.services.login.exchange import get_browser_app
from wxauth.types import App, Secret

from . import doors, sessions, states
from .base import Page
from .states import Wish


class StartView(Page):
    """Send a browser to WeChat, or tell WeChat's own script what it wants to know."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest, appid: str) -> HttpResponse:
        hit_of_address(request, "login_address").count()
        app = get_browser_app(appid)
        self.appid = app.appid
        scope = doors.get_scope(app, self.query.get("scope", ""))
        wish = Wish(app.appid, scope, doors.clean_next(self.query.get("next", "")))
        asked = doors.ask(request, app, wish)
        if self.query.get("as") == "json":
            # wxLogin.js puts it into an address as it is.
            del asked["response_type"]
            return JsonResponse({**asked, "redirect_uri": quote(asked["redirect_uri"], safe="")})
        return HttpResponseRedirect(doors.get_address(app, asked))


class LinkView(Page):
    """Send a browser to WeChat, to add an identity to the user who is logged in here."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, appid: str) -> HttpResponse:
        if not request.user.is_authenticated:
            raise NotAuthenticated
        key = str(request.user.pk)
        app = get_browser_app(appid)
        self.appid = app.appid
        limits.hit("link", key, appid=app.appid)
        scope = doors.get_scope(app, "")
        wish = Wish(app.appid, scope, doors.clean_next(self.form.get("next", "")), user=key)
        return HttpResponseRedirect(doors.get_address(app, doors.ask(request, app, wish)))


class CallbackView(Page):
    """Where WeChat sends a browser back to."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponse:
        known, state = request.user.is_authenticated, Secret(self.query.get("state", ""))
        wish = states.take(request.session, state)
        self._remember(states.recall(request.session, state))
        if wish is None:
            if known:
                # The back button, or WeChat, was here twice.
                return HttpResponseRedirect(self.back or doors.clean_next(""))
            raise InvalidState
        app, code = get_browser_app(wish.appid), Secret(self.query.get("code", ""))
        if not code:
            raise Cancelled
        if wish.user:
            self._link(request, app, code, wish)
        else:
            self._log_in(request, app, code, wish)
        return HttpResponseRedirect(wish.next)

    def _remember(self, wish: Wish | None) -> None:
        if wish is None:
            return
        self.appid, self.back = wish.appid, wish.next
        if not wish.user:
            start = reverse("wxauth_web:start", args=[wish.appid])
            scope = "base" if wish.scope == doors.BASE else ""
            self.again = f"{start}?{urlencode({'next': wish.next, 'scope': scope})}"

    def _log_in(self, request: HttpRequest, app: App, code: Secret, wish: Wish) -> None:
        silent, device = wish.scope == doors.BASE, make_device(request)
        if silent and request.user.is_authenticated:
            # Nobody asked for another user; a project that wants the openid gets it.
            openid = by_callback.identify(app=app, code=code)
        else:
            seconds = request.session.get_expiry_age()
            openid, self.new_login = by_callback.log_in(
                app=app, code=code, device=device, seconds=seconds, silent=silent
            )
            if self.new_login is not None:
                sessions.open_session(request, self.new_login)
        sessions.note_openid(request, app.appid, openid)

    def _link(self, request: HttpRequest, app: App, code: Secret, wish: Wish) -> None:
        if wish.user != str(request.user.pk):
            raise InvalidState
        linking.add(key=request.user.pk, app=app, code=code, keep=sessions.get_login_key(request))


class EnterView(Page):
    """A mini-program's login in its web-view: by a ticket, and with a question.

    A link that somebody passed on would log its reader in as the sender; so a page asks first.
    """

    # Without any, browsers send "Origin: null" with its form, which Django's CSRF check refuses.
    referrer_policy = "same-origin"

    def get(self, request: HttpRequest) -> HttpResponse:
        hit_of_address(request, "login_address").count()
        ticket, path = Secret(self.query.get("ticket", "")), self.query.get("next", "")
        login = tickets.read(ticket)
        self.appid = login.appid
        if request.user.is_authenticated and request.user.pk == login.person_id:
            return HttpResponseRedirect(doors.clean_next(path))
        context = {"person": login.person, "ticket": ticket, "next": path}
        return self.show(request, "enter.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        hit_of_address(request, "login_address").count()
        ticket = Secret(self.form.get("ticket", ""))
        seconds = request.session.get_expiry_age()
        self.new_login = tickets.redeem(ticket, device=make_device(request), seconds=seconds)
        self.appid = self.new_login.appid
        sessions.open_session(request, self.new_login)
        return HttpResponseRedirect(doors.clean_next(self.form.get("next", "")))
