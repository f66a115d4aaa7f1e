"""Login views of a project's own. The four of ``docs/login-views.md``, and what they stand on.

In a project, over a socket: ``tests/hosts/test_clients.py``.
"""

from __future__ import annotations

import json
from types import ModuleType
from urllib.parse import quote, urlencode

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from rest_framework import exceptions as drf

from tests.api.contract import assert_error
from tests.hosts.variants import VARIANTS
from wxauth.adapter import Adapter
from wxauth.exceptions import InvalidRequest
from wxauth.views import FormParser, LoginRequest, LoginView

FORM = "application/x-www-form-urlencoded"

shop = ModuleType("shop")
exec(compile(VARIANTS["clients"].files["shop/views.py"], "docs/login-views.md", "exec"), vars(shop))


class QueryLogin(LoginView):
    get = LoginView.post

    def read_login(self, request):
        return LoginRequest.parse(request.query_params)


class BrokenLogin(LoginView):
    def shape_answer(self, done):
        raise KeyError("a mistake of the project's")


class UnreadableLogin(LoginView):
    def read_login(self, request):
        raise InvalidRequest("No bottle, no message.", field="bottle")


class StrictFormLogin(LoginView):
    parser_classes = [FormParser]


VIEWS = {
    "header": shop.HeaderLogin,
    "form": shop.FormLogin,
    "envelope": shop.EnvelopeLogin,
    "error-key": shop.ErrorKeyLogin,
    "query": QueryLogin,
    "broken": BrokenLogin,
    "unreadable": UnreadableLogin,
    "strict-form": StrictFormLogin,
}
urlpatterns = [path(f"{name}/", view.as_view(), name=name) for name, view in VIEWS.items()]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def client():
    """Checks CSRF tokens, as a browser would meet it, and shows no exception."""
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


def post(client, name, body, content_type="application/json", **headers):
    data = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return client.generic("POST", f"/{name}/", data, content_type, headers=headers)


# -- the four of the page ----------------------------------------------------------------------


def test_by_headers_and_get_with_encrypted_data(client, fake_wechat):
    data = fake_wechat.phone_data("alice")
    headers = {"X-WX-Code": fake_wechat.login_code("alice")}
    headers |= {"X-WX-Encrypted-Data": data["encryptedData"], "X-WX-IV": data["iv"]}
    answer = client.get("/header/", headers=headers)
    assert answer.status_code == 200, answer.content
    assert answer.json().keys() == {"skey", "openid"}
    assert answer["Cache-Control"] == "no-store"
    assert not answer.cookies
    me = client.get("/me/", headers={"X-WX-Code": "made up"})
    assert me.status_code == 404


def test_a_missing_header_is_named_by_our_field(client, fake_wechat):
    assert_error(client.get("/header/"), "invalid_request", field="code")


def test_head_spends_no_code(client, fake_wechat):
    headers = {"X-WX-Code": fake_wechat.login_code("alice")}
    for name in ("header", "query"):
        assert client.head(f"/{name}/", headers=headers).status_code == 405
    assert fake_wechat.calls == []


def test_as_a_form(client, fake_wechat):
    body = urlencode({"js_code": fake_wechat.login_code("alice"), "ignored": "小"})
    assert post(client, "form", body, FORM).json()["token"].startswith("wxa_")
    assert_error(post(client, "form", {"js_code": "x"}), "unsupported_media_type")


def test_in_another_envelope(client, fake_wechat):
    answer = post(client, "envelope", {"code": fake_wechat.login_code("alice")}).json()
    assert (answer["errno"], answer["data"]["created"]) == (0, True)
    refused = post(client, "envelope", {"code": "made up"})
    assert refused.status_code == 200
    assert refused.json()["errno"] == 400
    assert refused.json()["data"]["code"] == "invalid_code"


def test_with_another_error_key(client, fake_wechat):
    refused = post(client, "error-key", {"code": "made up"})
    assert refused.status_code == 400
    assert refused.json().keys() == {"error", "message", "next"}
    assert (refused.json()["error"], refused.json()["next"]) == ("invalid_code", "login")


# -- whatever a view overrides, the rest stays ---------------------------------------------------


def test_the_projects_envelope_is_put_around_a_views_own_answer(client, fake_wechat, configure):
    configure(ENVELOPE="tests.api.requests.test_envelope.envelope")
    code = fake_wechat.login_code("alice")
    answer = client.get("/header/", headers={"X-WX-Code": code}).json()
    assert (answer["code"], answer["data"].keys()) == (0, {"skey", "openid"})
    # A view with an envelope of its own wears that one only.
    answer = post(client, "envelope", {"code": fake_wechat.login_code("alice")}).json()
    assert answer.keys() == {"errno", "errmsg", "data"}


def test_all_login_views_count_the_same_address_against_one_limit(
    client, fake_wechat, configure, settings
):
    configure(LIMITS={**settings.WXAUTH["LIMITS"], "login_address": "3/day"})
    client.defaults["REMOTE_ADDR"] = "198.51.100.10"
    names = ("form", "envelope", "strict-form")
    assert [post(client, name, b"", FORM).status_code for name in names] == [400, 200, 400]
    refused = post(client, "error-key", {"code": "made up"})
    assert (refused.status_code, refused.json()["error"]) == (429, "rate_limited")
    assert int(refused["Retry-After"]) > 0
    client.defaults["REMOTE_ADDR"] = "198.51.100.11"
    assert post(client, "error-key", {"code": "made up"}).status_code == 400


def test_the_access_log_has_our_code_whatever_the_phone_sees(client, fake_wechat, caplog):
    caplog.set_level("INFO", "wxauth.access")
    post(client, "error-key", {"code": "made up"})
    client.get("/header/", headers={"X-WX-Code": fake_wechat.login_code("alice")})
    refused, entered = [each for each in caplog.records if each.name == "wxauth.access"]
    assert (refused.path, refused.status, refused.code) == ("error-key", 400, "invalid_code")
    assert (entered.path, entered.status, entered.code) == ("header", 200, "")
    assert (entered.appid, bool(entered.user)) == (fake_wechat.default_appid, True)


def test_the_adapters_own_words_go_through_the_views_own_shape(client, fake_wechat, adapter):
    class Refusing(Adapter):
        def build_user(self, **about):
            self.refuse(code="full", detail="No more seats.")

    adapter(Refusing)
    refused = post(client, "error-key", {"code": fake_wechat.login_code("alice")})
    assert refused.status_code == 403
    assert refused.json() == {"error": "full", "message": "No more seats.", "next": "stop"}


def test_a_mistake_of_the_projects_is_logged_and_answered_as_json(client, fake_wechat, caplog):
    code = fake_wechat.login_code("alice")
    assert_error(post(client, "broken", {"code": code}), "internal_error")
    (record,) = [each for each in caplog.records if each.name == "wxauth.api"]
    assert "BrokenLogin" in record.getMessage()
    assert code not in caplog.text


def test_a_view_says_itself_what_it_cannot_read(client, fake_wechat):
    body = assert_error(post(client, "unreadable", {}), "invalid_request", field="bottle")
    assert body["detail"] == "No bottle, no message."


def test_a_view_of_the_projects_own_stays_out_of_the_schema_that_describes_login():
    paths = SchemaGenerator(patterns=urlpatterns).get_schema(public=True)["paths"]
    assert paths == {}


# -- one meaning ---------------------------------------------------------------------------------


def test_a_query_string_is_read_like_json_and_asks_to_sign_up(client, fake_wechat):
    code = fake_wechat.login_code("alice")
    assert client.get(f"/query/?code={code}").json()["created"] is True


def test_a_query_string_with_a_field_twice_is_refused(client, fake_wechat):
    answer = client.get("/query/?code=one&code=two")
    assert_error(answer, "invalid_request", field="code")
    assert fake_wechat.calls == []


def test_what_was_not_sent_is_not_there_and_none_is_a_value():
    assert LoginRequest.parse({"code": "x"}).phone_code is None
    assert LoginRequest.parse(QueryDict("code=x")).signup is True
    for wrong in ({"code": None}, {"code": "x", "appid": None}, {}, ["code"]):
        with pytest.raises(drf.ValidationError):
            LoginRequest.parse(wrong)


def test_no_code_shows_in_the_repr_of_a_request():
    fields = {"code": "code-1", "phone_code": "code-2", "encryptedData": "data", "iv": "vector"}
    shown = repr(LoginRequest.parse({**fields, "extra": {"a": "private"}}))
    assert [text for text in (*fields.values(), "private") if text in shown] == []


# -- forms ---------------------------------------------------------------------------------------

NO_FORM = {
    "a field twice": b"code=a&code=b",
    "a field twice, spelt twice": b"code=a&c%6fde=b",
    "fields parted by a semicolon": b"code=a;code=b",
    "a word": b"code",
    "nothing between two signs": b"code=a&&appid=b",
    "a percent sign without digits": b"code=%",
    "a percent sign with one digit": b"code=%4",
    "a percent sign with other letters": b"code=%zz",
    "raw UTF-8": "code=小".encode(),
    "no UTF-8": b"code=%ff",
    "a surrogate": b"code=%ed%a0%80",
    "overlong UTF-8": b"code=%c0%af",
    "a line break": b"code=a\r\nb",
    "a blank": b"code=a b",
    "NUL": b"code=a\0",
    "JSON": b'{"code": "a"}',
    "too many fields": b"code=a" + b"".join(b"&f%d=" % number for number in range(100)),
}


@pytest.mark.parametrize("body", NO_FORM.values(), ids=NO_FORM)
def test_a_form_that_could_mean_two_things_is_refused(client, fake_wechat, body):
    assert_error(post(client, "strict-form", body, FORM), "invalid_request")
    assert fake_wechat.calls == []


@pytest.mark.parametrize(
    ("body", "field"),
    [(b"", "code"), (b"code=", "code"), (b"code=%00", "code"), (b"code=x&signup=false", "signup")],
)
def test_the_fields_of_a_form_are_held_to_the_rules_of_json(client, fake_wechat, body, field):
    assert_error(post(client, "strict-form", body, FORM), "invalid_request", field=field)


def test_a_form_of_more_than_a_megabyte_is_refused(client, fake_wechat):
    answer = post(client, "strict-form", b"code=" + b"x" * 32 * 1024, FORM)
    assert_error(answer, "payload_too_large")


def test_a_form_in_another_charset_is_refused(client, fake_wechat):
    assert_error(post(client, "strict-form", b"code=x", f"{FORM}; charset=gbk"), "invalid_request")


def test_signs_that_a_form_has_encoded_arrive_as_they_were(client, fake_wechat):
    info = fake_wechat.user_info("alice", real=True)
    sent = {"code": fake_wechat.login_code("alice"), **info}
    body = "&".join(f"{name}={quote(text, safe='')}" for name, text in sent.items())
    answer = post(client, "strict-form", body, f"{FORM}; charset=UTF-8").json()
    assert answer["warnings"] == []
    assert answer["user"]["nickname"] == "小爱"
