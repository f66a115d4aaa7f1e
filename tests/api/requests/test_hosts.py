"""A project's own habits do not leak into our answers."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from django.contrib.auth.signals import user_login_failed
from django.db import connection, connections, transaction
from django.http import HttpResponse
from django.urls import get_resolver
from rest_framework import parsers, renderers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import BasePermission
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.versioning import QueryParameterVersioning
from rest_framework.views import APIView

from tests.api.contract import assert_error
from tests.api.phone import Phone, call, log_in
from wxauth.models import Login, Person

pytestmark = pytest.mark.django_db


# -- REST_FRAMEWORK ----------------------------------------------------------------------------


class Shouting(renderers.BaseRenderer):
    media_type, format, charset = "text/plain", "txt", "utf-8"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None):
        return b"SHOUT"


class NobodyComesIn(BaseAuthentication):
    def authenticate(self, request: Any) -> Any:
        raise AuthenticationFailed("not by our token")


class NobodyMay(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return False


class NobodyNow(BaseThrottle):
    def allow_request(self, request: Any, view: Any) -> bool:
        return False


class NobodyReads(DefaultContentNegotiation):
    def select_renderer(self, *args: Any, **kwargs: Any) -> Any:
        return Shouting(), "text/plain"


class Versioned(QueryParameterVersioning):
    default_version, allowed_versions = "8", ("9",)


def wrap(error: Exception, context: Any) -> Response:
    return Response({"success": False, "message": str(error)}, status=200)


HOSTILE = {
    "EXCEPTION_HANDLER": f"{__name__}.wrap",
    "DEFAULT_RENDERER_CLASSES": [f"{__name__}.Shouting"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.FormParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [f"{__name__}.NobodyComesIn"],
    "DEFAULT_PERMISSION_CLASSES": [f"{__name__}.NobodyMay"],
    "DEFAULT_THROTTLE_CLASSES": [f"{__name__}.NobodyNow"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": f"{__name__}.NobodyReads",
    "DEFAULT_VERSIONING_CLASS": f"{__name__}.Versioned",
    "ALLOWED_VERSIONS": ["9"],
    "DEFAULT_VERSION": "8",
    "DATETIME_FORMAT": "%d.%m.%y",
    "DATE_FORMAT": "%d.%m.%y",
    "NON_FIELD_ERRORS_KEY": "__all__",
    "URL_FORMAT_OVERRIDE": "sure",
    "FORMAT_SUFFIX_KWARG": "login_id",
    "COERCE_DECIMAL_TO_STRING": False,
    "UNICODE_JSON": False,
    "COMPACT_JSON": False,
    "STRICT_JSON": False,
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
}


@pytest.fixture
def hostile_rest_framework(settings, monkeypatch):
    """As if the project had set these from the start: REST framework reads some when imported."""
    # What is imported from here on would keep what it finds.
    assert get_resolver().url_patterns
    settings.REST_FRAMEWORK = HOSTILE
    for name, value in {
        "renderer_classes": [Shouting],
        "parser_classes": [parsers.FormParser],
        "authentication_classes": [NobodyComesIn],
        "permission_classes": [NobodyMay],
        "throttle_classes": [NobodyNow],
        "content_negotiation_class": NobodyReads,
        "versioning_class": Versioned,
    }.items():
        monkeypatch.setattr(APIView, name, value)
    for name in ("compact", "strict"):
        monkeypatch.setattr(renderers.JSONRenderer, name, False)
    monkeypatch.setattr(renderers.JSONRenderer, "ensure_ascii", True)


def story(fake: Any, client: Any) -> list[tuple[int, str, bytes]]:
    """A bit of everything, without what differs by nature."""
    code = fake.login_code("alice")
    login = call(client, "POST", "login/", {"code": code, "encryptedData": "!", "iv": "!"})
    assert login.status_code == 200, login.content
    token = login.json()["token"]
    mark = {"appid": "wx0000000000000001", "timestamp": int(time.time())}
    answers = [
        call(client, "POST", "me/", {"nickname": "小爱"}, token=token),
        call(client, "GET", "me/?sure=txt&format=txt", token=token),
        call(client, "GET", "me/logins/", token=token),
        call(client, "GET", "me/?version=7", token=token),
        call(
            client,
            "POST",
            "decrypt/",
            fake.encrypt({"text": "字", "watermark": mark}, "alice"),
            token=token,
        ),
        call(client, "POST", "decrypt/", {"encryptedData": "!", "iv": "!"}, token=token),
        call(client, "POST", "decrypt/", {}, token=token),
        call(client, "POST", "decrypt/", b"code=1", token=token),
        call(client, "DELETE", "me/logins/1/", token="wxa_x"),
        call(client, "DELETE", "me/logins/0/", token=token),
        call(client, "GET", "me/"),
        call(client, "GET", "me/", headers={"Accept": "text/plain"}),
        call(client, "GET", "nowhere/"),
        call(client, "FOO", "login/"),
        client.post("/api/wxauth/login/", {"code": code}),
        call(client, "POST", "login/", {"code": code}, headers={"User-Agent": "another"}),
        call(client, "POST", "logout/", token=token),
    ]
    return [(a.status_code, a.get("Content-Type", ""), a.content) for a in answers]


def test_rest_framework_settings_change_no_answer(fake_wechat, client, request):
    usual = story(fake_wechat, client)
    assert [status for status, _, _ in usual] == [
        200, 200, 200, 200, 200, 400, 400, 400, 401, 404, 401, 406, 404, 405, 415, 400, 204
    ]  # fmt: skip
    Person.objects.all().delete()
    request.getfixturevalue("hostile_rest_framework")
    hostile = story(fake_wechat, client)
    for before, after in zip(usual, hostile, strict=True):
        assert shape(after) == shape(before)


def shape(answer: tuple[int, str, bytes]) -> tuple[int, str, bytes]:
    """Ids and moments are new ones the second time."""
    status, content_type, content = answer
    return (
        status,
        content_type,
        re.sub(rb'"(id|\w+_at|timestamp)":"?[^",}]+"?', rb'"\1":"-"', content),
    )


def test_no_throttle_of_the_project_counts(fake_wechat, client, hostile_rest_framework):
    for _ in range(3):
        assert log_in(client, fake_wechat).status_code == 200


# -- ATOMIC_REQUESTS ---------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_what_a_refused_request_wrote_stays(fake_wechat, client, monkeypatch):
    """Failures have to be counted, whatever becomes of the request."""
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    alice = Phone(fake_wechat, "alice")
    noted = []

    def note(sender, **kwargs):
        Login.objects.update(user_agent="somebody failed")
        noted.append(connection.in_atomic_block)

    user_login_failed.connect(note)
    try:
        answer = call(client, "POST", "login/", {"code": "wrong"})
    finally:
        user_login_failed.disconnect(note)
    assert_error(answer, "invalid_code")
    assert noted == [False]
    assert alice.login.user_agent == "somebody failed"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["login/", "me/", "me/logins/1/", "logout/", "nowhere/"])
def test_no_request_of_ours_is_one_transaction(client, monkeypatch, path):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    seen = []
    original = APIView.initial

    def initial(self, *args, **kwargs):
        seen.append(connection.in_atomic_block)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(APIView, "initial", initial)
    call(client, "POST", path)
    assert seen == [False]


# -- USER_SERIALIZER, middleware ---------------------------------------------------------------


def test_a_project_may_show_more_of_the_user(fake_wechat, client, configure):
    configure(USER_SERIALIZER=f"{__name__}.Generous")
    body = log_in(client, fake_wechat).json()
    assert body["user"]["openids"] == [fake_wechat.person("alice").openid("wx0000000000000001")]
    assert call(client, "GET", "me/", token=body["token"]).json() == body["user"]


def __getattr__(name: str) -> Any:
    # Serializers of wxauth can be subclassed only after Django is set up for the settings' user.
    if name == "Generous":
        from rest_framework import serializers

        from wxauth.api.serializers import UserSerializer

        class Generous(UserSerializer):
            openids = serializers.SerializerMethodField()

            def get_openids(self, person: Person) -> list[str]:
                identities = person.identities.prefetch_related("openids")
                return [each.openid for one in identities for each in one.openids.all()]

        return Generous
    raise AttributeError(name)


def reads_everything(get_response: Any) -> Any:
    """A middleware that looks into bodies and forms before the view does."""

    def middleware(request: Any) -> HttpResponse:
        len(request.body)
        len(request.POST)
        return get_response(request)

    return middleware


def test_a_middleware_that_reads_the_body_first_does_no_harm(fake_wechat, client, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.reads_everything"]
    assert log_in(client, fake_wechat).status_code == 200
    assert_error(call(client, "POST", "login/", b"["), "invalid_request")
    answer = client.post("/api/wxauth/login/", {"code": "x"})
    assert_error(answer, "unsupported_media_type")


def opens_a_transaction(get_response: Any) -> Any:
    def middleware(request: Any) -> HttpResponse:
        with transaction.atomic():
            return get_response(request)

    return middleware


@pytest.mark.django_db(transaction=True)
def test_a_middleware_that_opens_a_transaction_does_no_harm(fake_wechat, client, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.opens_a_transaction"]
    token = log_in(client, fake_wechat).json()["token"]
    assert call(client, "GET", "me/", token=token).status_code == 200
