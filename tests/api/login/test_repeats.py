"""The same code twice: no error for the person who did it, one visit to WeChat, two tokens."""

from __future__ import annotations

import math
import threading
import time
import uuid
from datetime import timedelta
from functools import partial

import pytest
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.utils import timezone

from tests.api.contract import assert_error
from tests.api.phone import APP_TWO, call
from tests.together import together
from wxauth.models import Login
from wxauth.services import cache as shared_cache
from wxauth.services import claims
from wxauth.services.data import session_keys
from wxauth.signals import code_reused
from wxauth.testing import faults


@pytest.fixture(autouse=True)
def _cache_of_its_own(monkeypatch, settings):
    monkeypatch.setattr(shared_cache, "_gone_until", 0.0)
    backend = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": uuid.uuid4().hex}}


@pytest.fixture
def reused():
    heard = []

    def hear(sender, appid, login, **kwargs):
        heard.append(login and login.pk)

    code_reused.connect(hear)
    yield heard
    code_reused.disconnect(hear)


def send(body, **headers):
    return call(Client(), "POST", "login/", body, headers={"User-Agent": "a phone", **headers})


def exchanges(fake):
    return sum(request.path == "/sns/jscode2session" for request in fake.calls)


# -- one after the other -----------------------------------------------------------------------


@pytest.mark.django_db
def test_a_retry_gets_a_login_and_token_of_its_own(fake_wechat, reused):
    body = {"code": fake_wechat.login_code("alice")}
    first, second = send(body), send(body)
    assert (first.status_code, second.status_code) == (200, 200), second.content
    one, two = first.json(), second.json()
    assert one["token"] != two["token"]
    assert one["user"] == two["user"]
    assert (one["created"], two["created"]) == (True, True)
    assert exchanges(fake_wechat) == 1
    rows = list(Login.objects.order_by("pk"))
    assert len(rows) == 2
    assert {session_keys.unseal(row).reveal() for row in rows} == {fake_wechat.session_key("alice")}
    assert rows[0].sealed_session_key != rows[1].sealed_session_key
    assert reused == [rows[0].pk]
    # Each is a login by itself.
    assert call(Client(), "POST", "logout/", token=one["token"]).status_code == 204
    assert call(Client(), "GET", "me/", token=two["token"]).status_code == 200


@pytest.mark.django_db
def test_what_the_first_used_up_is_no_fault_of_the_second(fake_wechat):
    body = {"code": fake_wechat.login_code("alice"), **fake_wechat.phone_data("alice")}
    for _ in range(2):
        answer = send(body).json()
        assert answer["warnings"] == []
        assert answer["user"]["phone"] == "+8613800138001"
    assert Login.objects.latest("pk").via.failures == 0


@pytest.mark.django_db
def test_what_the_first_could_not_use_the_second_cannot(fake_wechat):
    body = {"code": fake_wechat.login_code("alice"), "encryptedData": "!", "iv": "!"}
    for _ in range(2):
        (warning,) = send(body).json()["warnings"]
        assert warning["code"] == "undecryptable"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "headers", [{"User-Agent": "another phone"}, {"X-Forwarded-For": "203.0.113.9"}], ids=str
)
def test_anybody_else_is_refused(fake_wechat, configure, reused, headers):
    configure(TRUSTED_PROXIES=1)
    body = {"code": fake_wechat.login_code("alice")}
    assert send(body, **{"X-Forwarded-For": "203.0.113.1"}).status_code == 200
    assert_error(send(body, **{"X-Forwarded-For": "203.0.113.1", **headers}), "code_used")
    assert reused == [None]


@pytest.mark.django_db
def test_the_same_code_in_another_app_is_another_code(fake_wechat):
    code = fake_wechat.login_code("alice")
    assert send({"code": code}).status_code == 200
    assert_error(send({"code": code, "appid": APP_TWO}), "invalid_code")


@pytest.mark.django_db
def test_phones_that_cannot_be_told_apart_share_nothing(fake_wechat):
    body = {"code": fake_wechat.login_code("alice")}
    client = Client(REMOTE_ADDR="")
    assert call(client, "POST", "login/", body).status_code == 200
    assert_error(call(client, "POST", "login/", body), "code_used")


@pytest.mark.django_db
def test_later_it_is_refused(fake_wechat, monkeypatch):
    monkeypatch.setattr(claims, "LIFE", 0.001)
    body = {"code": fake_wechat.login_code("alice")}
    assert send(body).status_code == 200
    threading.Event().wait(0.002)
    assert_error(send(body), "code_used")


@pytest.mark.django_db
def test_a_claim_lives_for_ten_seconds_from_its_login_on(fake_wechat):
    def left():
        (name,) = (name for name in cache._cache if "claim" in name)
        return cache._expire_info[name] - time.time()

    code, at_the_exchange = fake_wechat.login_code("alice"), []

    class Looking(faults.Slow):
        def send(self, wire, reply, over):
            at_the_exchange.append(left())
            super().send(wire, reply, over)

    fake_wechat.faults.add(Looking(0))
    assert send({"code": code}).status_code == 200
    assert (math.ceil(at_the_exchange[0]), math.ceil(left())) == (10, 10)


@pytest.mark.django_db
@pytest.mark.parametrize("seconds", [9, 10])
def test_whatever_the_cache_says_a_login_is_shared_for_ten_seconds(fake_wechat, seconds):
    body = {"code": fake_wechat.login_code("alice")}
    assert send(body).status_code == 200
    login = Login.objects.get()
    login.created_at -= timedelta(seconds=seconds)
    login.save()
    if seconds < 10:
        assert send(body).status_code == 200
    else:
        assert_error(send(body), "code_used")


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["ended", "ended, but its key", "without a key"])
def test_a_first_login_that_is_no_more_is_not_shared(fake_wechat, how):
    body = {"code": fake_wechat.login_code("alice")}
    first = send(body).json()
    if how == "ended":
        call(Client(), "POST", "logout/", token=first["token"])
    elif how == "ended, but its key":
        Login.objects.update(revoked_at=timezone.now())
    else:
        Login.objects.update(sealed_session_key=None)
    assert_error(send(body), "code_used")


@pytest.mark.django_db
def test_a_code_that_wechat_has_not_seen_can_be_sent_again(fake_wechat):
    fake_wechat.faults.add(faults.Errcode(-1))
    body = {"code": fake_wechat.login_code("alice")}
    assert_error(send(body), "wechat_unavailable")
    assert send(body).status_code == 200


@pytest.mark.django_db
def test_without_a_cache_the_second_is_refused(fake_wechat, settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    body = {"code": fake_wechat.login_code("alice")}
    assert send(body).status_code == 200
    assert_error(send(body), "code_used")


@pytest.mark.django_db
def test_the_cache_holds_a_number_under_a_hash(fake_wechat):
    body = {"code": fake_wechat.login_code("alice")}
    assert send(body).status_code == 200
    stored = {key: cache.get(key.split(":", 2)[2]) for key in cache._cache if "claim" in key}
    assert [value.partition(".")[0] for value in stored.values()] == [
        str(2 * Login.objects.get().pk + 1)  # One: it made the user.
    ]
    assert body["code"] not in str(stored)
    assert "127.0.0.1" not in str(stored)


# -- a code that was used, or may be used still --------------------------------------------------


@pytest.mark.django_db
def test_a_code_logs_in_once(fake_wechat, client):
    code = fake_wechat.login_code("alice")
    assert call(client, "POST", "login/", {"code": code}).status_code == 200
    # Another phone: nobody who finds a used code gets in with it.
    answer = call(client, "POST", "login/", {"code": code}, headers={"User-Agent": "another phone"})
    assert_error(answer, "code_used")
    assert Login.objects.count() == 1


@pytest.mark.django_db
def test_a_code_that_wechat_was_too_busy_for_is_still_good(fake_wechat, client):
    code = fake_wechat.login_code("alice")
    fake_wechat.faults.add(faults.Errcode(-1))
    assert_error(call(client, "POST", "login/", {"code": code}), "wechat_unavailable")
    assert call(client, "POST", "login/", {"code": code}).status_code == 200


@pytest.mark.django_db
def test_a_code_whose_answer_was_lost_is_spent(fake_wechat, client):
    code = fake_wechat.login_code("alice")
    fake_wechat.faults.add(faults.Truncated())
    assert_error(call(client, "POST", "login/", {"code": code}), "wechat_bad_response")
    assert_error(call(client, "POST", "login/", {"code": code}), "code_used")


@pytest.mark.django_db
def test_after_a_fault_the_next_login_goes_through(fake_wechat, client):
    for fault in (faults.Reset(), faults.html(502), faults.not_json(), faults.Errcode(45011)):
        fake_wechat.faults.add(fault)
        code = fake_wechat.login_code("alice")
        assert call(client, "POST", "login/", {"code": code}).status_code >= 400
    code = fake_wechat.login_code("alice")
    assert call(client, "POST", "login/", {"code": code}).status_code == 200


# -- at once -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_double_tap_is_one_exchange_and_two_logins(fake_wechat):
    for _ in range(5):
        before = exchanges(fake_wechat)
        code = fake_wechat.login_code("alice")
        answers = together([partial(send, {"code": code})] * 4)
        assert [answer.status_code for answer in answers] == [200] * 4
        assert len({answer.json()["token"] for answer in answers}) == 4
        assert exchanges(fake_wechat) == before + 1


@pytest.mark.django_db(transaction=True)
def test_when_the_first_fails_so_does_who_waits_for_it(fake_wechat):
    code = fake_wechat.login_code("alice")
    slow_refusal = threading.Event()
    done = []

    def first():
        try:
            done.append(send({"code": code}))
        finally:
            connections.close_all()

    class Waiting(faults.Errcode):
        def answer(self, ask):
            slow_refusal.wait(5)
            return super().answer(ask)

    fake_wechat.faults.add(Waiting(40226))
    thread = threading.Thread(target=first)
    thread.start()
    while not fake_wechat.calls:
        pass
    threading.Timer(0.1, slow_refusal.set).start()
    assert_error(send({"code": code}), "code_used")
    thread.join()
    assert_error(done[0], "blocked")
    assert exchanges(fake_wechat) == 1


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_ever(fake_wechat, monkeypatch):
    monkeypatch.setattr(claims, "PATIENCE", 0.1)
    fake_wechat.faults.add(faults.Slow(30))
    code = fake_wechat.login_code("alice")
    done = []

    def first():
        try:
            done.append(send({"code": code}))
        finally:
            connections.close_all()

    thread = threading.Thread(target=first)
    thread.start()
    while not fake_wechat.calls:
        pass
    assert_error(send({"code": code}), "code_used")
    fake_wechat.faults.clear()
    thread.join()
    assert done[0].status_code == 200
