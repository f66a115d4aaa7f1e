"""me/phone/ with a code: WeChat tells this server the number of whoever pressed the button."""

from __future__ import annotations

import json
import uuid

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache

from tests.api.contract import assert_error
from tests.api.phone import APP_ONE, APP_TWO, call
from wxauth.adapter import Adapter
from wxauth.models import DailyCount, Event, Login, Person
from wxauth.services import limits
from wxauth.services.journal import counts
from wxauth.testing import faults

pytestmark = pytest.mark.django_db

NUMBER = "+8613800138001"


def give(phone, code=None, /, **fields):
    """What the mini-program sends after a tap of the phone button."""
    code = phone.fake.phone_code(phone.person, phone.appid) if code is None else code
    return phone.post("me/phone/", {"phone_code": code, **fields})


def asked(phone):
    """The requests for a number that reached WeChat."""
    return [call.params for call in phone.fake.calls if call.path == faults.PHONE]


def rows():
    return list(Person.objects.order_by("pk").values())


# -- a number ------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["phone_code", "code"])
def test_the_number_is_kept_sealed_and_shown_to_its_owner(alice, bob, field):
    code = alice.fake.phone_code("alice")
    answer = alice.post("me/phone/", {field: code})
    assert answer.json()["phone"] == alice.me()["phone"] == NUMBER
    assert bob.me()["phone"] is None
    row = alice.row
    assert row.phone_appid == APP_ONE
    assert "8001" not in f"{row.sealed_phone}{row.phone_hash}{row.phone_tail}"


def test_wechat_is_asked_with_the_openid_of_the_caller(alice):
    give(alice)
    (params,) = asked(alice)
    assert params["openid"] == alice.fake.person("alice").openid(APP_ONE)


@pytest.mark.parametrize("country", [86, "86"], ids=repr)
def test_the_country_code_comes_as_a_number_or_as_a_text(alice, country):
    alice.fake.faults.add(faults.PhoneInfo({"countryCode": country}), path=faults.PHONE)
    assert give(alice).json()["phone"] == NUMBER


def test_a_foreign_number_has_its_own_country_code(alice):
    alice.fake.add_person("alice", phone="61234567", country_code="852")
    assert give(alice).json()["phone"] == "+85261234567"


def test_with_both_the_code_counts(alice):
    old = alice.encrypt({"phoneNumber": "1", "purePhoneNumber": "13900139000", "countryCode": "86"})
    assert give(alice, **old).json()["phone"] == NUMBER
    # What the button of today gives, as it is.
    code = alice.fake.phone_code("alice")
    detail = {"errMsg": "getPhoneNumber:ok", "code": code, "cloudID": "x", **old}
    assert alice.post("me/phone/", detail).json()["phone"] == NUMBER


def test_of_two_codes_the_one_by_its_full_name_counts(alice):
    assert give(alice, code="x" * 64).status_code == 200


def test_with_the_code_the_encrypted_data_is_not_looked_at(alice):
    assert give(alice, encryptedData="rubbish").status_code == 200


def test_the_old_way_stays(alice):
    assert alice.post("me/phone/", alice.fake.phone_data("alice")).json()["phone"] == NUMBER


@pytest.mark.django_db(transaction=True)
def test_codes_that_were_answered_are_counted_by_app_and_day(alice, alice_in_two):
    for phone in (alice, alice, alice_in_two):
        give(phone)
    give(alice, "0" * 64)
    counts.flush()
    written = DailyCount.objects.filter(name="phone_code").values_list("appid", "value")
    assert dict(written) == {APP_ONE: 2, APP_TWO: 1}


# -- a code that is not good ---------------------------------------------------------------------


def bad_codes(alice):
    fake = alice.fake
    used = fake.phone_code("alice")
    give(alice, used)
    cache.clear()  # Within ten seconds it would be answered like the first time.
    return {
        "unknown": "0" * 64,
        "used": used,
        "of somebody else": fake.phone_code("bob"),
        "of nobody's shape": "手机 code!",
    }


@pytest.mark.parametrize("which", ["unknown", "used", "of somebody else", "of nobody's shape"])
def test_a_bad_code_means_another_tap_and_changes_nothing(alice, which):
    code = bad_codes(alice)[which]
    before = rows()
    body = assert_error(give(alice, code), "invalid_phone_code")
    assert "wx.login" not in body["detail"]
    assert code not in str(body)
    assert rows() == before


def test_an_expired_code_means_another_tap(alice):
    code = alice.fake.phone_code("alice")
    now = alice.fake.clock
    alice.fake.clock = lambda: now() + 301
    assert_error(give(alice, code), "invalid_phone_code")


def test_a_code_of_another_app_is_refused(alice, caplog):
    """By WeChat, which blames the access_token (40013). The operator has nothing to mend."""
    answer = give(alice, alice.fake.phone_code("alice", APP_TWO))
    assert_error(answer, "invalid_phone_code")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert alice.me()["phone"] is None


def test_a_login_code_sent_by_mistake_is_named(alice):
    body = assert_error(give(alice, alice.fake.login_code("alice")), "invalid_phone_code")
    assert "wx.login" in body["detail"]
    assert "e.detail.code" in body["detail"]


@pytest.mark.parametrize(
    "fault",
    [
        faults.Errcode(-1),
        faults.html(502),
        faults.html(200),
        faults.Reset(),
        faults.PhoneInfo(missing=["watermark"]),
    ],
    ids=["-1", "502", "HTML", "reset", "no watermark"],
)
def test_a_code_outlives_a_moment_of_trouble(alice, fault):
    """Each tap costs the business money: the same code goes out once more."""
    alice.fake.faults.add(fault, path=faults.PHONE)
    code = alice.fake.phone_code("alice")
    answer = give(alice, code)
    assert len({params["code"] for params in asked(alice)}) == 1
    assert len(asked(alice)) == 2
    if isinstance(fault, (faults.Reset, faults.PhoneInfo)):  # WeChat has taken it.
        assert_error(answer, "invalid_phone_code")
    else:
        assert answer.json()["phone"] == NUMBER


def test_an_access_token_that_is_stale_costs_no_code(alice):
    give(alice)
    alice.fake.access_token(APP_ONE, force_refresh=True)
    assert give(alice).json()["phone"] == NUMBER


ELSEWHERE = {"countryCode": "86", "purePhoneNumber": "13800138001"}
TROUBLE = {
    "-1": (faults.Errcode(-1), "wechat_unavailable"),
    "HTML": (faults.html(200), "wechat_bad_response"),
    "no phone_info": (faults.Body('{"errcode":0}'), "wechat_bad_response"),
    "another app's watermark": (
        faults.Body(json.dumps({"phone_info": {**ELSEWHERE, "watermark": {"appid": APP_TWO}}})),
        "wechat_bad_response",
    ),
    "45011": (faults.Errcode(45011), "rate_limited"),
    "48001": (faults.Errcode(48001), "misconfigured"),
    "40164 of the token": (faults.Errcode(40164), "misconfigured"),
}


@pytest.mark.parametrize("what", TROUBLE)
def test_trouble_that_stays_is_told_with_what_to_do(alice, what):
    fault, code = TROUBLE[what]
    path = faults.TOKEN if what.endswith("token") else faults.PHONE
    alice.fake.faults.add(fault, times=None, path=path)
    before = rows()
    assert_error(give(alice), code, phone_code=True)
    assert len(asked(alice)) <= 2
    assert rows() == before


@pytest.mark.waits
@pytest.mark.usefixtures("impatient")
def test_a_silence_is_worth_another_try_with_the_same_code(alice):
    alice.fake.faults.add(faults.Slow(30), times=None, path=faults.PHONE)
    assert_error(give(alice), "wechat_timeout", phone_code=True)


def test_a_login_by_code_alone_needs_no_access_token(alice, fake_wechat):
    alice.log_in()
    assert {call.path for call in fake_wechat.calls} == {faults.LOGIN}


def test_how_often_somebody_may_ask_is_limited(alice, bob, configure, settings, monkeypatch):
    monkeypatch.setattr(limits, "_windows", limits._Windows())
    backend = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": uuid.uuid4().hex}}
    configure(LIMITS={**settings.WXAUTH["LIMITS"], "phone": "2/day"})
    assert [give(alice).status_code for _ in range(3)] == [200, 200, 429]
    assert give(bob).status_code == 200


def test_a_missing_access_token_costs_no_code(alice):
    """The token is there before the code goes out (protocol 4.1)."""
    alice.fake.faults.add(faults.Errcode(-1), times=None, path=faults.TOKEN)
    code = alice.fake.phone_code("alice")
    assert_error(give(alice, code), "wechat_unavailable")
    assert asked(alice) == []
    alice.fake.faults.clear()
    assert give(alice, code).json()["phone"] == NUMBER


# -- a number that somebody has ------------------------------------------------------------------


@pytest.fixture
def taken(alice, bob):
    """bob has the number that WeChat will tell of alice."""
    bob.fake.add_person("bob", phone="13800138001")
    assert give(bob).json()["phone"] == NUMBER
    return bob


class Moves(Adapter):
    asked: list[tuple[str, str, str]] = []

    def on_phone_taken(self, *, user, other, app):
        self.asked.append((str(user.pk), str(other.pk), app.appid))
        return "move"


class SaysNeither(Adapter):
    def on_phone_taken(self, *, user, other, app):
        return "merge"


def test_by_default_the_number_of_another_is_a_conflict(alice, taken):
    before = rows()
    answer = give(alice)
    assert_error(answer, "conflict")
    assert "13800138001" not in answer.content.decode()
    assert rows() == before
    give(alice)
    event = Event.objects.get()  # Once, however often she tries.
    assert (event.kind, event.user, event.other) == (
        "phone_refused", str(alice.row.pk), str(taken.row.pk),
    )  # fmt: skip
    assert event.request_id == answer["X-Request-ID"]
    assert event.detail == {}


def test_a_number_of_another_in_encrypted_data_is_noted_too(alice, taken):
    """The refusal undoes its whole transaction, the mark of used data included; not the note."""
    assert_error(alice.post("me/phone/", alice.fake.phone_data("alice")), "conflict")
    assert Event.objects.get().kind == "phone_refused"


def test_a_signup_that_was_refused_for_a_number_leaves_a_note_without_a_user(
    taken, fake_wechat, configure, client
):
    configure(SIGNUP="phone")
    fake_wechat.add_person("eve", phone="13800138001")
    codes = {
        "code": fake_wechat.login_code("eve"), "phone_code": fake_wechat.phone_code("eve"),
    }  # fmt: skip
    assert_error(call(client, "POST", "login/", codes), "conflict")
    event = Event.objects.get()
    assert (event.kind, event.user, event.other) == ("phone_refused", "", str(taken.row.pk))


def test_the_project_may_have_it_moved(alice, taken, adapter):
    adapter(Moves)
    Moves.asked.clear()
    tokens = list(Login.objects.order_by("pk").values())
    assert give(alice).json()["phone"] == NUMBER
    assert taken.me()["phone"] is None
    old = taken.row
    columns = (old.sealed_phone, old.phone_hash, old.phone_tail, old.phone_appid)
    assert columns == (None, None, None, "")
    me, him = alice.me()["id"], taken.me()["id"]
    assert Moves.asked == [(me, him, APP_ONE)]
    event = Event.objects.get()
    assert (event.kind, event.user, event.other, event.appid) == ("phone_moved", me, him, APP_ONE)
    assert "13800138001" not in repr(vars(event))
    # Nobody is logged out, and nobody is joined.
    assert list(Login.objects.order_by("pk").values()) == tokens
    assert get_user_model().objects.count() == 2
    assert me != him


def test_a_number_that_came_back_moves_back(alice, taken, adapter):
    adapter(Moves)
    give(alice)
    assert give(taken).json()["phone"] == NUMBER
    assert alice.me()["phone"] is None
    assert Event.objects.count() == 2


def test_ones_own_number_is_nobody_elses(alice, adapter):
    adapter(SaysNeither)
    for _ in range(2):
        assert give(alice).json()["phone"] == NUMBER


def test_an_adapter_that_says_neither_is_the_operators_fault(alice, taken, adapter, caplog):
    adapter(SaysNeither)
    before = rows()
    assert_error(give(alice), "misconfigured")
    assert "on_phone_taken" in caplog.text
    assert rows() == before


def test_a_number_in_encrypted_data_is_never_moved(alice, taken, adapter):
    """Its sender could have tampered with it: somebody else's row is not changed for that."""
    adapter(Moves)
    assert_error(alice.post("me/phone/", alice.fake.phone_data("alice")), "conflict")
    body = alice.log_in(**alice.fake.phone_data("alice"))
    assert body["warnings"] == [{"field": "encryptedData", "code": "conflict", "action": "stop"}]
    assert taken.me()["phone"] == NUMBER
