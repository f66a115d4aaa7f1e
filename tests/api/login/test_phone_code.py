"""login/ with ``phone_code``: one button, both codes."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from tests.api.contract import assert_error
from tests.api.phone import APP_ONE, APP_TWO, call, log_in
from wxauth.adapter import Adapter
from wxauth.models import Event, Identity, Login, OpenId, Person
from wxauth.services.profile import phone as phones
from wxauth.testing import faults
from wxauth.types import Secret

pytestmark = pytest.mark.django_db

ALICES, BOBS = "+8613800138001", "+8613800138002"
MODES = ["always", "phone", "closed"]


@pytest.fixture
def tap(fake_wechat, client):
    """Log in with both codes of this person; ``phone_code`` may be another one, or None."""

    def send(person="alice", **fields):
        code = fields.pop("phone_code", "")
        if code == "":
            code = fake_wechat.phone_code(person, fields.get("appid"))
        if code is not None:
            fields["phone_code"] = code
        return log_in(client, fake_wechat, person, **fields)

    return send


def paths(fake):
    return [call.path for call in fake.calls]


def warning(code, action):
    return [{"field": "phone_code", "code": code, "action": action}]


# -- a stranger ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["always", "phone"])
def test_a_stranger_signs_up_with_the_number(tap, fake_wechat, configure, mode):
    configure(SIGNUP=mode)
    body = tap().json()
    assert (body["created"], body["warnings"], body["user"]["phone"]) == (True, [], ALICES)
    assert paths(fake_wechat) == [faults.LOGIN, faults.TOKEN, faults.PHONE]
    person = Person.objects.get()
    assert person.phone_appid == APP_ONE
    assert Login.objects.get().person == person


def test_the_number_is_asked_with_the_openid_of_the_login(tap, fake_wechat):
    tap()
    asked = fake_wechat.calls[-1].params
    assert asked["openid"] == fake_wechat.person("alice").openid(APP_ONE)


def test_where_sign_up_needs_a_number_a_stranger_without_one_is_not_registered(
    tap, fake_wechat, configure, assert_nothing_written
):
    configure(SIGNUP="phone")
    assert_error(tap(phone_code=None), "not_registered")
    # Encrypted data is no verified number.
    assert_error(tap(phone_code=None, **fake_wechat.phone_data("alice")), "not_registered")


@pytest.mark.parametrize(
    "code", ["0" * 64, "bob", "login"], ids=["unknown", "of somebody else", "a login code"]
)
def test_where_sign_up_needs_a_number_a_bad_code_means_another_tap(
    tap, fake_wechat, configure, assert_nothing_written, code
):
    configure(SIGNUP="phone")
    made = {"bob": fake_wechat.phone_code, "login": fake_wechat.login_code}
    sent = made[code]("bob") if code in made else code
    body = assert_error(tap(phone_code=sent), "invalid_phone_code")
    assert ("wx.login" in body["detail"]) == (code == "login")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (faults.Errcode(-1), "wechat_unavailable"),
        (faults.html(200), "wechat_bad_response"),
        (faults.Errcode(45011), "rate_limited"),
        (faults.Errcode(48001), "misconfigured"),
    ],
)
def test_where_sign_up_needs_a_number_trouble_on_the_way_to_it_is_told(
    tap, fake_wechat, configure, assert_nothing_written, fault, code
):
    """After a login whose code is spent, "retry" would send it again: it says "login"."""
    configure(SIGNUP="phone")
    fake_wechat.faults.add(fault, times=None, path=faults.PHONE)
    assert_error(tap(), code)


@pytest.mark.waits
@pytest.mark.usefixtures("impatient")
def test_where_sign_up_needs_a_number_and_wechat_is_silent(
    tap, fake_wechat, configure, assert_nothing_written
):
    configure(SIGNUP="phone")
    fake_wechat.faults.add(faults.Slow(30), times=None, path=faults.PHONE)
    assert_error(tap(), "wechat_timeout")


def test_after_trouble_the_same_phone_code_and_a_new_login_code_will_do(
    tap, fake_wechat, configure
):
    configure(SIGNUP="phone")
    code = fake_wechat.phone_code("alice")
    fake_wechat.faults.add(faults.Errcode(-1), times=None, path=faults.PHONE)
    assert tap(phone_code=code).status_code == 503
    fake_wechat.faults.clear()
    body = tap(phone_code=code).json()
    assert (body["created"], body["user"]["phone"]) == (True, ALICES)


def test_where_it_does_not_a_stranger_with_a_bad_code_signs_up_without_a_number(tap):
    body = tap(phone_code="0" * 64).json()
    assert (body["created"], body["user"]["phone"]) == (True, None)
    assert body["warnings"] == warning("invalid_phone_code", "tap")


@pytest.mark.parametrize("mode", MODES)
def test_a_stranger_who_only_asks_is_not_registered_and_keeps_the_phone_code(
    tap, fake_wechat, configure, count_rows, mode
):
    configure(SIGNUP=mode)
    code = fake_wechat.phone_code("alice")
    assert_error(tap(phone_code=code, signup=False), "not_registered")
    assert set(count_rows().values()) == {0}
    assert paths(fake_wechat) == [faults.LOGIN]
    configure(SIGNUP="always")
    assert tap(phone_code=code).json()["user"]["phone"] == ALICES


def test_where_signup_is_closed_a_stranger_keeps_the_phone_code(
    tap, fake_wechat, configure, assert_nothing_written
):
    configure(SIGNUP="closed")
    assert_error(tap(), "not_registered")
    assert paths(fake_wechat) == [faults.LOGIN]


def test_a_bad_login_code_costs_no_phone_code(client, fake_wechat, assert_nothing_written):
    code = fake_wechat.phone_code("alice")
    answer = call(client, "POST", "login/", {"code": "wrong", "phone_code": code})
    assert_error(answer, "invalid_code")
    assert paths(fake_wechat) == [faults.LOGIN]


# -- somebody known ------------------------------------------------------------------------------


@pytest.mark.parametrize("signup", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_somebody_known_logs_in_with_or_without_a_number(alice, tap, configure, mode, signup):
    configure(SIGNUP=mode)
    body = tap(phone_code=None, signup=signup).json()
    assert (body["created"], body["user"]["phone"]) == (False, None)
    body = tap(signup=signup).json()
    assert (body["created"], body["user"]["phone"], body["warnings"]) == (False, ALICES, [])


@pytest.mark.parametrize("mode", MODES)
def test_somebody_known_by_the_unionid_is_no_stranger(alice, tap, configure, mode):
    configure(SIGNUP=mode)
    body = tap(phone_code=None, appid=APP_TWO).json()
    assert (body["created"], body["user"]["id"]) == (False, alice.me()["id"])


TROUBLE = {
    "a bad code": (None, "invalid_phone_code", "tap"),
    "-1": (faults.Errcode(-1), "wechat_unavailable", "retry"),
    "HTML": (faults.html(200), "wechat_bad_response", "retry"),
    "45011": (faults.Errcode(45011), "rate_limited", "retry"),
    "48001": (faults.Errcode(48001), "misconfigured", "stop"),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("what", TROUBLE)
def test_for_somebody_known_a_failed_phone_code_is_a_warning(
    alice, tap, fake_wechat, configure, mode, what
):
    configure(SIGNUP=mode)
    fault, code, action = TROUBLE[what]
    if fault is not None:
        fake_wechat.faults.add(fault, times=None, path=faults.PHONE)
    answer = tap(phone_code=fake_wechat.phone_code("bob" if fault is None else "alice"))
    assert answer.status_code == 200
    assert answer.json()["warnings"] == warning(code, action)
    assert call(alice.client, "GET", "me/", token=answer.json()["token"]).status_code == 200


def test_who_is_shut_out_stays_out(alice, tap):
    Person.objects.filter(pk=alice.row.pk).update(blocked_at=timezone.now())
    assert_error(tap(), "blocked")
    assert Person.objects.get().phone_hash is None


def test_with_both_the_code_counts(tap, fake_wechat):
    old = {"phoneNumber": "1", "purePhoneNumber": "13900139000", "countryCode": "86"}
    body = tap(**fake_wechat.encrypt(old, "alice")).json()
    assert (body["user"]["phone"], body["warnings"]) == (ALICES, [])


def test_the_old_way_helps_out_where_the_code_is_bad(tap, fake_wechat):
    body = tap(phone_code="0" * 64, **fake_wechat.phone_data("alice")).json()
    assert body["user"]["phone"] == ALICES
    assert body["warnings"] == warning("invalid_phone_code", "tap")


def test_a_profile_beside_the_code_is_taken_in(tap, fake_wechat):
    body = tap(**fake_wechat.user_info("alice", real=True)).json()
    assert (body["user"]["nickname"], body["user"]["phone"]) == ("小爱", ALICES)


def test_a_double_tap_is_one_number_and_no_warning(client, fake_wechat, configure):
    """The second request finds both codes used."""
    configure(SIGNUP="phone")
    sent = {"code": fake_wechat.login_code("alice"), "phone_code": fake_wechat.phone_code("alice")}
    first, second = (call(client, "POST", "login/", sent).json() for _ in range(2))
    assert first["user"] == second["user"]
    assert (first["user"]["phone"], first["warnings"], second["warnings"]) == (ALICES, [], [])
    assert paths(fake_wechat).count(faults.PHONE) == 1


# -- a number that somebody has ------------------------------------------------------------------


class Moves(Adapter):
    def on_phone_taken(self, *, user, other, app):
        return "move"


class SamePerson(Adapter):
    """A project that takes whoever has the number for the same person."""

    def find_user(self, *, phone, **about):
        assert phone is None or isinstance(phone, Secret)
        hashed = phone and phones.get_lookup_key().digest("phone", phone.reveal())
        found = Person.objects.filter(phone_hash=hashed).first() if hashed else None
        return found and found.user


@pytest.fixture
def bobs(bob):
    """bob has the number that WeChat will tell of alice."""
    bob.fake.add_person("bob", phone="13800138001")
    bob.post("me/phone/", {"phone_code": bob.fake.phone_code("bob")})
    assert bob.me()["phone"] == ALICES
    return bob


def test_where_sign_up_needs_a_number_that_of_another_is_a_conflict(
    bobs, tap, configure, assert_nothing_written
):
    configure(SIGNUP="phone")
    assert_error(tap(), "conflict")
    assert bobs.me()["phone"] == ALICES


def test_where_it_does_not_the_number_of_another_is_a_warning(bobs, tap):
    body = tap().json()
    assert (body["created"], body["user"]["phone"]) == (True, None)
    assert body["warnings"] == warning("conflict", "stop")


def test_for_somebody_known_the_number_of_another_is_a_warning(alice, bobs, tap, configure):
    configure(SIGNUP="phone")
    body = tap().json()
    assert body["warnings"] == warning("conflict", "stop")
    assert body["user"]["phone"] is None


@pytest.mark.parametrize("mode", ["always", "phone"])
def test_the_project_may_have_it_moved_to_a_new_user(bobs, tap, configure, adapter, mode):
    configure(SIGNUP=mode)
    adapter(Moves)
    token = bobs.token
    body = tap().json()
    assert (body["created"], body["user"]["phone"], body["warnings"]) == (True, ALICES, [])
    assert bobs.me()["phone"] is None
    assert bobs.token == token
    event = Event.objects.get()
    assert (event.kind, event.user, event.other) == (
        "phone_moved", body["user"]["id"], bobs.me()["id"],
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["always", "phone"])
def test_the_project_may_find_the_user_by_the_number_that_wechat_told(
    tap, configure, adapter, mode, fake_wechat
):
    """... in another app without a common unionid; never one with an openid in this app."""
    configure(SIGNUP=mode)
    adapter(SamePerson)
    fake_wechat.add_person("alice", unionid=None)
    first = tap().json()
    second = tap(appid=APP_TWO).json()
    assert (second["created"], second["user"]["id"]) == (False, first["user"]["id"])
    assert second["user"]["phone"] == ALICES
    assert (get_user_model().objects.count(), OpenId.objects.count()) == (1, 2)
    assert Identity.objects.count() == 2


def test_a_found_user_who_has_an_openid_here_is_passed_over(bobs, tap, configure, adapter):
    configure(SIGNUP="phone")
    adapter(SamePerson)
    assert_error(tap(), "conflict")
    configure(SIGNUP="always")
    body = tap().json()
    assert (body["created"], body["warnings"]) == (True, warning("conflict", "stop"))


def test_a_number_that_wechat_did_not_tell_is_not_shown_to_the_project(
    tap, adapter, fake_wechat, configure
):
    seen = []

    class Looks(Adapter):
        def find_user(self, *, phone, extra, **about):
            seen.append((phone and phone.reveal(), extra))

    adapter(Looks)
    tap("alice", phone_code=None, extra={"phone": BOBS}, **fake_wechat.phone_data("alice"))
    tap("bob", extra={"inviter": "alice"})
    tap("eve", phone_code="0" * 64)
    assert seen == [(None, {"phone": BOBS}), (BOBS, {"inviter": "alice"}), (None, {})]


class ChangesItsMind(Adapter):
    def build_user(self, **about):
        self.refuse(code="too_young")


def test_a_refused_sign_up_keeps_no_number(tap, adapter, assert_nothing_written):
    adapter(ChangesItsMind)
    assert tap().json()["code"] == "too_young"
