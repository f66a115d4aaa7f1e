"""Data that was encrypted before the session_key changed, by whatever changed it, opens."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from tests.api.contract import assert_error
from tests.api.phone import APP_ONE, Phone, call
from wxauth.models import Login
from wxauth.signals import data_opened

pytestmark = pytest.mark.django_db

STEPS = {"stepInfoList": []}


@pytest.fixture
def wechat(fake_wechat):
    """Each wx.login() replaces the session_key."""
    fake_wechat.rotate = True
    return fake_wechat


@pytest.fixture
def alice(db, wechat):
    return Phone(wechat, "alice")


@pytest.fixture
def positions():
    heard = []

    def hear(sender, login, position, **kwargs):
        assert sender is Login
        heard.append(position)

    data_opened.connect(hear)
    yield heard
    data_opened.disconnect(hear)


def opens(phone, data):
    answer = phone.post("decrypt/", data)
    assert answer.status_code == 200, answer.content
    return True


def age(seconds):
    """Let the logins there are be so much older."""
    for login in Login.objects.all():
        created_at = login.created_at - timedelta(seconds=seconds)
        Login.objects.filter(pk=login.pk).update(created_at=created_at)


# -- the races (protocol 2.3) ------------------------------------------------------------------


def test_the_key_is_replaced_between_encryption_and_sending(alice, positions):
    data = alice.encrypt(STEPS)
    alice.log_in()
    assert opens(alice, data)
    assert positions == ["superseded"]


def test_two_devices_of_one_person(alice, wechat, positions):
    tablet = Phone(wechat, "alice")
    # The phone's login is the older one; its key is dead, as WeChat knows one for both.
    assert opens(alice, alice.encrypt(STEPS))
    assert opens(tablet, tablet.encrypt(STEPS))
    assert positions == ["newest", "own"]


def test_both_devices_log_in_while_data_of_the_other_is_on_its_way(alice, wechat, positions):
    of_the_phone = alice.encrypt(STEPS)
    tablet = Phone(wechat, "alice")
    of_the_tablet = tablet.encrypt(STEPS)
    alice.log_in()
    assert opens(tablet, of_the_phone)
    assert opens(alice, of_the_tablet)
    assert positions == ["superseded", "superseded"]


def test_overlapping_logins_are_answered_in_reverse_order(alice, wechat, positions):
    """The older code comes in last, and its answer holds the key of its own time."""
    older = wechat.login_code("alice")
    older_key = wechat.session_key("alice")
    newer = wechat.login_code("alice")
    newer_key = wechat.session_key("alice")
    tokens = []
    for code, key in ((newer, newer_key), (older, older_key)):
        wechat.set_session_key(key, "alice")
        answer = call(alice.client, "POST", "login/", {"code": code})
        tokens.append(answer.json()["token"])
    for alice.token in tokens:
        assert opens(alice, alice.encrypt(STEPS, session_key=newer_key))
    assert positions == ["own", "superseded"]


def test_wx_login_inside_the_callback_of_the_button(alice, wechat):
    """WeChat warns of it: the number is encrypted under A, and B is what the server just got."""
    number = wechat.phone_data("alice")
    body = alice.log_in(**number)
    assert body["warnings"] == []
    assert body["user"]["phone"] == "+8613800138001"


def test_signed_data_is_read_the_same_way(alice, wechat, positions):
    info = wechat.user_info("alice", real=True)
    alice.log_in()
    answer = alice.post("me/userinfo/", info)
    assert answer.json()["nickname"] == "小爱"
    info = wechat.user_info("alice", real=True)
    signed = {name: info[name] for name in ("rawData", "signature")}
    assert alice.log_in(**signed)["warnings"] == []
    assert positions == ["superseded", "superseded"]


# -- which keys, and for how long --------------------------------------------------------------


def test_a_superseded_key_opens_as_long_as_data_may_be_old(alice, configure):
    configure(DATA_MAX_AGE=300)
    keys = [alice.fake.session_key("alice")]
    alice.log_in()
    age(200)
    keys.append(alice.fake.session_key("alice"))
    alice.log_in()
    age(101)
    # Superseded 301 and 101 seconds ago.
    assert opens(alice, alice.encrypt(STEPS, session_key=keys[1]))
    assert_error(alice.post("decrypt/", alice.encrypt(STEPS, session_key=keys[0])), "undecryptable")


def test_without_freshness_it_opens_for_a_day(alice, configure):
    configure(DATA_MAX_AGE=0)
    key = alice.fake.session_key("alice")
    alice.log_in()
    age(86_390)
    assert opens(alice, alice.encrypt(STEPS, session_key=key))
    age(20)
    assert_error(alice.post("decrypt/", alice.encrypt(STEPS, session_key=key)), "undecryptable")


def test_own_and_newest_key_open_however_old_they_are(alice, positions):
    token, own = alice.token, alice.fake.session_key("alice")
    age(50_000)
    alice.log_in()
    age(50_000)
    alice.token = token
    assert opens(alice, alice.encrypt(STEPS, session_key=own))
    assert opens(alice, alice.encrypt(STEPS))
    assert positions == ["own", "newest"]


def test_keys_are_counted_by_value(alice, wechat):
    """A client in a loop does not push the key before out: WeChat gave it one and the same."""
    data = alice.encrypt(STEPS)
    alice.log_in()
    wechat.rotate = False
    for _ in range(5):
        alice.log_in()
    assert opens(alice, data)


def test_three_keys_are_tried_and_no_more(alice):
    keys = [alice.fake.session_key("alice")]
    for _ in range(3):
        alice.log_in()
        keys.append(alice.fake.session_key("alice"))
    for key in reversed(keys[1:]):
        assert opens(alice, alice.encrypt(STEPS, session_key=key))
    assert_error(alice.post("decrypt/", alice.encrypt(STEPS, session_key=keys[0])), "undecryptable")


def test_the_own_key_is_found_behind_any_number_of_logins(alice):
    token, own = alice.token, alice.fake.session_key("alice")
    for _ in range(25):
        alice.log_in()
    alice.token = token
    assert opens(alice, alice.encrypt(STEPS, session_key=own))


def test_the_key_of_an_ended_login_opens_nothing(alice):
    data = alice.encrypt(STEPS)
    token = alice.token
    alice.log_in()
    own = alice.token
    alice.token = token
    assert alice.post("logout/").status_code == 204
    alice.token = own
    assert_error(alice.post("decrypt/", data), "undecryptable")


def test_a_login_whose_own_key_is_gone_reads_with_the_newest(alice):
    token = alice.token
    Login.objects.update(sealed_session_key=None)
    assert_error(alice.post("decrypt/", alice.encrypt(STEPS)), "session_key_missing")
    alice.log_in()
    alice.token = token
    assert opens(alice, alice.encrypt(STEPS))


def test_the_key_of_another_person_opens_nothing(alice, wechat):
    eve = Phone(wechat, "eve")
    assert_error(eve.post("decrypt/", alice.encrypt(STEPS)), "undecryptable")


def test_the_key_of_who_had_this_openid_before_opens_nothing(alice, wechat):
    data = alice.encrypt(STEPS)
    bob = Phone(wechat, "bob")
    # A login that was on its way when the openid became Alice's: nobody has ended it.
    Login.objects.filter(pk=alice.login.pk).update(person=bob.row)
    alice.log_in()
    assert_error(alice.post("decrypt/", data), "undecryptable")


def test_what_opened_it_is_logged_without_the_data(alice, caplog):
    caplog.set_level(logging.INFO, "wxauth.outcomes")
    data = alice.encrypt({"openGId": "tG-canary"})
    alice.log_in()
    assert opens(alice, data)
    (record,) = [r for r in caplog.records if getattr(r, "position", "")]
    assert (record.outcome, record.appid) == ("opened_superseded", APP_ONE)
    assert "canary" not in repr(vars(record))
