"""The same phone code twice: the first answer was lost, and WeChat tells a number once."""

from __future__ import annotations

import threading
import uuid
from functools import partial

import pytest
from django.conf import settings as project
from django.core.cache import cache
from django.db import connections
from django.test import Client

from tests.api.contract import assert_error
from tests.api.phone import call
from tests.together import together
from wxauth.models import Login, Person
from wxauth.services import cache as shared_cache
from wxauth.services import claims
from wxauth.testing import faults

pytestmark = pytest.mark.django_db

NUMBER = "+8613800138001"
SHIPPED = project.CACHES["default"]


@pytest.fixture(autouse=True)
def _cache_of_its_own(monkeypatch, settings):
    monkeypatch.setattr(shared_cache, "_gone_until", 0.0)
    backend = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": uuid.uuid4().hex}}


def give(phone, code):
    return phone.post("me/phone/", {"phone_code": code})


def log_in(fake, **fields):
    body = {"code": fake.login_code("alice"), "phone_code": fake.phone_code("alice"), **fields}
    return [call(Client(), "POST", "login/", body) for _ in range(2)]


def asked(fake):
    """The requests for a number that reached WeChat."""
    return sum(request.path == faults.PHONE for request in fake.calls)


def claimed():
    """What stands in the cache: name → value."""
    names = [name.split(":", 2)[2] for name in cache._cache if ":claim:" in name]
    return {name: cache.get(name) for name in names}


@pytest.fixture
def taken(bob):
    """bob has the number that WeChat will tell of alice."""
    bob.fake.add_person("bob", phone="13800138001")
    assert give(bob, bob.fake.phone_code("bob")).json()["phone"] == NUMBER
    return bob


# -- me/phone/ -----------------------------------------------------------------------------------


def test_a_number_that_was_bound_is_answered_again(alice, fake_wechat):
    code = fake_wechat.phone_code("alice")
    first, second = give(alice, code), give(alice, code)
    assert first.json() == second.json() == alice.me()
    assert first.json()["phone"] == NUMBER
    assert asked(fake_wechat) == 1


def test_another_phone_of_the_same_person_may_repeat_it(alice, fake_wechat):
    """WeChat gave the code to this openid; whichever login brings it is the same person's."""
    code = fake_wechat.phone_code("alice")
    give(alice, code)
    alice.log_in()
    assert give(alice, code).json()["phone"] == NUMBER
    assert asked(fake_wechat) == 1


def test_a_number_that_is_somebody_elses_is_refused_again(alice, taken, fake_wechat):
    before = asked(fake_wechat)
    code = fake_wechat.phone_code("alice")
    for _ in range(2):
        assert_error(give(alice, code), "conflict")
    assert asked(fake_wechat) == before + 1


def test_nobody_else_has_anything_of_it(alice, bob, alice_in_two, fake_wechat):
    code = fake_wechat.phone_code("alice")
    give(alice, code)
    for phone in (bob, alice_in_two):
        assert_error(give(phone, code), "invalid_phone_code")
    assert bob.me()["phone"] is None


@pytest.mark.parametrize("how", ["is gone", "is another"])
def test_the_row_decides_and_not_the_cache(alice, fake_wechat, how):
    code = fake_wechat.phone_code("alice")
    give(alice, code)
    if how == "is gone":
        Person.objects.update(phone_hash=None, phone_tail=None, sealed_phone=None, phone_appid="")
    else:
        fake_wechat.add_person("alice", phone="13900139000")
        give(alice, fake_wechat.phone_code("alice"))
    before = alice.me()
    assert_error(give(alice, code), "invalid_phone_code")
    assert alice.me() == before


def test_later_it_is_refused(alice, fake_wechat, monkeypatch):
    monkeypatch.setattr(claims, "LIFE", 0.001)
    code = fake_wechat.phone_code("alice")
    give(alice, code)
    threading.Event().wait(0.002)
    assert_error(give(alice, code), "invalid_phone_code")


def test_without_a_cache_it_is_refused(alice, fake_wechat, settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    code = fake_wechat.phone_code("alice")
    assert give(alice, code).json()["phone"] == NUMBER
    assert_error(give(alice, code), "invalid_phone_code")


def test_a_code_that_wechat_was_too_busy_for_is_still_good(alice, fake_wechat):
    fake_wechat.faults.add(faults.Errcode(-1), times=2, path=faults.PHONE)
    code = fake_wechat.phone_code("alice")
    assert_error(give(alice, code), "wechat_unavailable")
    assert give(alice, code).json()["phone"] == NUMBER


@pytest.mark.django_db(transaction=True)
def test_five_at_once_are_one_question_and_five_answers(alice, fake_wechat, settings):
    if "redis" in SHIPPED["BACKEND"]:
        settings.CACHES = {"default": SHIPPED}
    code = fake_wechat.phone_code("alice")
    answers = together([partial(give, alice, code)] * 5)
    assert [answer.json()["phone"] for answer in answers] == [NUMBER] * 5
    assert asked(fake_wechat) == 1


@pytest.mark.django_db(transaction=True)
def test_who_waits_in_vain_is_told_to_try_again(alice, fake_wechat, monkeypatch):
    """Not to press the button again: the first may be answered yet, and a tap is billed."""
    monkeypatch.setattr(claims, "PATIENCE", 0.05)
    arrived, go_on, done = threading.Event(), threading.Event(), []

    class Waiting(faults.Slow):
        def send(self, wire, reply, over):
            arrived.set()
            go_on.wait(5)
            super().send(wire, reply, over)

    code = fake_wechat.phone_code("alice")
    fake_wechat.faults.add(Waiting(0), path=faults.PHONE)

    def first():
        try:
            done.append(give(alice, code))
        finally:
            connections.close_all()

    thread = threading.Thread(target=first)
    thread.start()
    assert arrived.wait(5)
    assert_error(give(alice, code), "wechat_timeout", phone_code=True)
    go_on.set()
    thread.join()
    assert give(alice, code).json() == done[0].json() == alice.me()
    assert asked(fake_wechat) == 1


# -- login/ --------------------------------------------------------------------------------------


def test_a_login_with_a_number_is_answered_again(fake_wechat):
    first, second = (answer.json() for answer in log_in(fake_wechat))
    for body in (first, second):
        assert (body["created"], body["warnings"], body["user"]["phone"]) == (True, [], NUMBER)
    assert first["token"] != second["token"]
    assert asked(fake_wechat) == 1


def test_the_second_time_too_it_is_no_new_user_who_was_there_before(alice, fake_wechat):
    alice.me()
    for answer in log_in(fake_wechat):
        assert answer.json()["created"] is False


def test_a_new_login_code_with_the_same_phone_code_too(fake_wechat):
    phone_code = fake_wechat.phone_code("alice")
    first, _ = log_in(fake_wechat, phone_code=phone_code)
    second, _ = log_in(fake_wechat, phone_code=phone_code)
    assert first.json()["user"] == second.json()["user"]
    assert second.json()["warnings"] == []
    assert second.json()["created"] is False
    assert asked(fake_wechat) == 1


def test_a_login_first_and_then_the_number_alone(alice, fake_wechat):
    phone_code = fake_wechat.phone_code("alice")
    log_in(fake_wechat, phone_code=phone_code)
    assert give(alice, phone_code).json()["phone"] == NUMBER
    assert asked(fake_wechat) == 1


@pytest.mark.parametrize("what", ["taken", "made up"])
def test_what_was_wrong_the_first_time_is_said_again(request, fake_wechat, what):
    fields = {"phone_code": "0" * 64} if what == "made up" else {}
    if what == "taken":
        request.getfixturevalue("taken")
    first, second = (answer.json() for answer in log_in(fake_wechat, **fields))
    (warning,) = first["warnings"]
    code = {"taken": "conflict", "made up": "invalid_phone_code"}[what]
    assert (warning["field"], warning["code"]) == ("phone_code", code)
    assert second["warnings"] == first["warnings"]
    assert second["created"] is first["created"] is True


def test_a_sign_up_refused_for_a_number_is_refused_alike(taken, configure, fake_wechat):
    configure(SIGNUP="phone")
    phone_code = fake_wechat.phone_code("alice")
    before = asked(fake_wechat)
    for _ in range(2):
        first, _again = log_in(fake_wechat, phone_code=phone_code)
        assert_error(first, "conflict")
    assert asked(fake_wechat) == before + 1
    assert Login.objects.count() == 1


# -- whoever writes to the cache -----------------------------------------------------------------


def test_the_cache_holds_neither_the_code_nor_the_number_nor_its_hash(alice, fake_wechat):
    code = fake_wechat.phone_code("alice")
    alice.me()
    before = claimed()
    give(alice, code)
    stored = str({name: value for name, value in claimed().items() if name not in before})
    assert stored != "{}"
    openid = fake_wechat.person("alice").openid(alice.appid)
    for secret in (code, openid, "13800138001", alice.row.phone_hash):
        assert secret not in stored


def test_eve_gets_no_number_by_what_stands_under_alices_claim(alice, eve, fake_wechat):
    """She copies it to her own code's claim, and writes numbers of her own there."""
    eve.me()
    before = claimed()
    give(alice, fake_wechat.phone_code("alice"))
    (of_alice,) = {name: value for name, value in claimed().items() if name not in before}.values()
    code, before = fake_wechat.phone_code("eve"), claimed()
    fake_wechat.faults.add(faults.Errcode(-1), times=2, path=faults.PHONE)
    # A claim goes when its question fails: hers is one that she got an answer to.
    give(eve, code)
    fake_wechat.faults.clear()
    number = give(eve, code).json()["phone"]
    (name,) = (name for name in claimed() if name not in before)
    for value in [of_alice, of_alice.partition(".")[0], 1, "1.", None]:
        shared_cache._gone_until = 0.0
        cache.set(name, value, 60)
        assert give(eve, code).status_code in (400, 504)
        assert eve.me()["phone"] == number != NUMBER
