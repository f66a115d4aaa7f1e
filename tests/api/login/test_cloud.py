"""POST login/ without a code: the gateway of WeChat Cloud Hosting says who is calling."""

from __future__ import annotations

import pytest

from tests.api.contract import assert_error
from tests.api.phone import APP_ONE, APP_TWO, call
from tests.statements import capture_statements
from wxauth.api import urls
from wxauth.api.serializers import LoginRequestSerializer
from wxauth.models import Identity, Login, OpenId
from wxauth.services.login import by_gateway

pytestmark = pytest.mark.django_db

ACCOUNT, MOBILE = "wx0000000000000006", "wx0000000000000004"


@pytest.fixture(autouse=True)
def container(configure, settings, fake_wechat, monkeypatch):
    monkeypatch.setenv("CBR_ENV_ID", "prod-1a2b3c")
    apps = dict(settings.WXAUTH["APPS"])
    for appid, kind in ((ACCOUNT, "officialaccount"), (MOBILE, "mobileapp")):
        apps[appid] = {"SECRET": "s", "KIND": kind}
        fake_wechat.add_app(appid, "s", kind=kind)
    configure(APPS=apps, CLOUD=True)


def enter(client, headers, **fields):
    return call(client, "POST", "login/", fields, headers=headers)


def test_alice_comes_without_a_code_and_wechat_is_not_asked(fake_wechat, client):
    body = enter(client, fake_wechat.cloud_headers("alice")).json()
    login = Login.objects.get()
    assert body["created"] is True
    assert (login.channel, login.sealed_session_key) == ("cloud", None)
    assert login.openid == fake_wechat.person("alice").openid(APP_ONE)
    assert login.via.identity.unionid == fake_wechat.person("alice").unionid("default")
    assert fake_wechat.calls == []


def test_she_is_the_one_who_comes_with_a_code(fake_wechat, client, alice):
    body = enter(client, fake_wechat.cloud_headers("alice")).json()
    assert (body["created"], body["user"]["id"]) == (False, alice.me()["id"])
    assert (Identity.objects.count(), OpenId.objects.count()) == (1, 1)


def test_a_returning_login_costs_no_more_than_one_by_a_code(fake_wechat, client, alice):
    enter(client, fake_wechat.cloud_headers("alice"))
    with capture_statements() as by_gateway_:
        enter(client, fake_wechat.cloud_headers("alice"))
    with capture_statements() as by_code:
        alice.log_in()
    assert len(by_gateway_) == len(by_code)


def test_in_a_shared_environment_the_calling_app_counts(fake_wechat, client):
    headers = fake_wechat.cloud_headers("alice", APP_TWO, owner=APP_ONE)
    # Some pages list both, and the owner's openid is not that of the caller.
    headers["X-WX-OPENID"] = fake_wechat.person("bob").openid(APP_ONE)
    enter(client, headers)
    login = Login.objects.get()
    assert (login.appid, login.openid) == (APP_TWO, fake_wechat.person("alice").openid(APP_TWO))


def test_a_page_of_an_official_account_comes_this_way_too(fake_wechat, client):
    assert enter(client, fake_wechat.cloud_headers("alice", ACCOUNT)).status_code == 200


@pytest.mark.parametrize("source", ["wx_client", "wx_client,scf", "wx_devtools", "wx_client, x"])
def test_a_person_in_wechat_is_the_source(fake_wechat, client, source):
    headers = {**fake_wechat.cloud_headers("alice"), "X-WX-SOURCE": source}
    assert enter(client, headers).status_code == 200


def test_the_phone_button_works_as_ever(fake_wechat, client):
    headers, code = fake_wechat.cloud_headers("alice"), fake_wechat.phone_code("alice")
    body = enter(client, headers, phone_code=code).json()
    assert body["user"]["phone"] == "+8613800138001"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"encryptedData": "a", "iv": "b"}, "encryptedData"),
        ({"rawData": "a", "signature": "b"}, "rawData"),
    ],
)
def test_without_a_session_key_there_is_nothing_to_read_data_with(
    fake_wechat, client, fields, field, assert_nothing_written
):
    answer = enter(client, fake_wechat.cloud_headers("alice"), **fields)
    assert_error(answer, "invalid_request", field=field)


FORGED = {
    "nothing": dict.fromkeys(("X-WX-SOURCE", "X-WX-ENV", "X-WX-APPID", "X-WX-OPENID"), ""),
    "no source": {"X-WX-SOURCE": ""},
    "an http call": {"X-WX-SOURCE": "wx_http"},
    "a timer": {"X-WX-SOURCE": "wx_trigger,wx_client"},
    "a longer word": {"X-WX-SOURCE": "wx_clientele"},
    "another environment": {"X-WX-ENV": "prod-9z"},
    "no environment": {"X-WX-ENV": ""},
    "a foreign appid": {"X-WX-APPID": "wx9999999999999999"},
    "no appid": {"X-WX-APPID": ""},
    "a mobile app": {"X-WX-APPID": MOBILE},
    "no openid": {"X-WX-OPENID": ""},
    "two openids": {"X-WX-OPENID": "oEve,oAlice"},
    "an openid with a blank": {"X-WX-OPENID": "o alice"},
    "an endless openid": {"X-WX-OPENID": "o" * 65},
    "two unionids": {"X-WX-UNIONID": "oEve,oAlice"},
    "a caller without its app": {"X-WX-FROM-OPENID": "oAlice"},
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_what_does_not_fit_is_no_login(fake_wechat, client, forged, assert_nothing_written):
    headers = {**fake_wechat.cloud_headers("alice"), **forged}
    assert_error(enter(client, headers), "invalid_code")


def test_the_phone_and_the_gateway_speak_of_one_app(fake_wechat, client, assert_nothing_written):
    assert_error(enter(client, fake_wechat.cloud_headers("alice"), appid=APP_TWO), "invalid_code")


def test_outside_of_a_container_nobody_is_believed(
    fake_wechat, client, monkeypatch, assert_nothing_written
):
    headers = fake_wechat.cloud_headers("alice")
    monkeypatch.delenv("CBR_ENV_ID")
    for environment in (headers["X-WX-ENV"], ""):
        assert_error(enter(client, {**headers, "X-WX-ENV": environment}), "invalid_code")


def test_a_code_goes_before_the_headers(fake_wechat, client):
    """Whoever sends one is whoever obtained it."""
    code = fake_wechat.login_code("bob")
    enter(client, fake_wechat.cloud_headers("alice"), code=code)
    assert Login.objects.get().openid == fake_wechat.person("bob").openid(APP_ONE)


def test_a_code_that_is_sent_is_a_good_one(fake_wechat, client, assert_nothing_written):
    for code in ("", None, 5):
        answer = enter(client, fake_wechat.cloud_headers("alice"), code=code)
        assert_error(answer, "invalid_request", field="code")


def test_whoever_is_blocked_stays_out_and_the_log_names_the_app(fake_wechat, client, alice, caplog):
    row = alice.row
    row.blocked_at = row.created_at
    row.save()
    caplog.set_level("INFO", "wxauth.access")
    assert_error(enter(client, fake_wechat.cloud_headers("alice")), "blocked")
    (line,) = [each for each in caplog.records if each.name == "wxauth.access"]
    assert (line.code, line.appid) == ("blocked", APP_ONE)


def test_a_stranger_who_only_asks_is_told_so(fake_wechat, client, assert_nothing_written):
    answer = enter(client, fake_wechat.cloud_headers("alice"), signup=False)
    assert_error(answer, "not_registered")


# -- switched off, which is the default --------------------------------------------------------


def test_switched_off_the_headers_mean_nothing_on_any_path(
    fake_wechat, client, configure, alice, assert_nothing_written
):
    headers = {
        **fake_wechat.cloud_headers("bob"),
        **fake_wechat.cloud_headers("bob", owner=APP_TWO),
    }
    configure(CLOUD=False)
    paths = [
        str(pattern.pattern).replace("/?$", "/").strip("^").replace("(?P<", "").split(">")[0]
        for pattern in urls.urlpatterns
    ]
    assert {"login/", "me/", "link/", "prefetch/"} <= set(paths)
    for path in [*paths, "me/logins/1/", "me/identities/1/"]:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            with_them = call(client, method, path, {}, headers=headers)
            without = call(client, method, path, {})
            assert with_them.status_code == without.status_code != 200, path
            assert with_them.content == without.content
    assert_error(enter(client, headers), "invalid_request", field="code")
    # Nor do they change who somebody is.
    assert alice.get("me/", headers=headers).json() == alice.me()


def test_switched_off_not_even_the_service_believes_them(fake_wechat, configure):
    configure(CLOUD=False)
    with pytest.raises(by_gateway.InvalidCode):
        by_gateway.read(fake_wechat.cloud_headers("alice"))


def test_switched_on_they_mean_nothing_but_at_the_login(fake_wechat, client, alice):
    for path in ("me/", "me/logins/", "me/identities/"):
        answer = call(client, "GET", path, headers=fake_wechat.cloud_headers("alice"))
        assert_error(answer, "not_authenticated")
    answer = call(client, "POST", "link/", {}, headers=fake_wechat.cloud_headers("alice"))
    assert_error(answer, "not_authenticated")


def test_the_schema_asks_for_a_code_where_there_is_no_other_way(configure):
    assert not LoginRequestSerializer().fields["code"].required
    configure(CLOUD=False)
    assert LoginRequestSerializer().fields["code"].required
