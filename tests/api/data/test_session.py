"""session/check/, and the end of a WeChat session by the staff."""

from __future__ import annotations

import pytest

from tests.api.contract import assert_error
from tests.api.phone import Phone
from wxauth.exceptions import SessionKeyMissing, WeChatUnavailable
from wxauth.models import Login, OpenId
from wxauth.services.data import session_keys, wechat_session
from wxauth.testing import faults

pytestmark = pytest.mark.django_db

STEPS = {"stepInfoList": []}
CHECK, RESET = "/wxa/checksession", "/wxa/resetusersessionkey"


def asked(fake, path):
    return [call for call in fake.calls if call.path == path]


def keys():
    return [
        key.reveal()
        for login in Login.objects.order_by("pk")
        if (key := session_keys.unseal(login))
    ]


# -- session/check/ ----------------------------------------------------------------------------


def test_a_session_is_valid_until_wechat_replaces_the_key(alice):
    assert alice.post("session/check/").json() == {"valid": True}
    alice.fake.rotate_session_key("alice")
    assert alice.post("session/check/").json() == {"valid": False}
    alice.log_in()
    assert alice.post("session/check/").json() == {"valid": True}


def test_the_newest_key_is_what_counts(alice):
    """An older device's login reads with it, too."""
    alice.fake.rotate_session_key("alice")
    Phone(alice.fake, "alice")
    assert alice.post("session/check/").json() == {"valid": True}


def test_the_signature_is_wechats(alice):
    alice.post("session/check/")
    (call,) = asked(alice.fake, CHECK)
    assert call.params["sig_method"] == "hmac_sha256"
    assert call.params["signature"] == call.params["signature"].lower()
    assert alice.fake.session_key("alice") not in str(call)


def test_without_a_key_there_is_nothing_to_check(alice):
    Login.objects.update(sealed_session_key=None)
    assert_error(alice.post("session/check/"), "session_key_missing")
    assert not asked(alice.fake, CHECK)


def test_a_check_that_wechat_does_not_answer(alice):
    alice.fake.faults.add(faults.Errcode(-1), path=CHECK)
    assert_error(alice.post("session/check/"), "wechat_unavailable")


# -- the end of it -----------------------------------------------------------------------------


def test_after_the_end_old_keys_open_nothing_and_the_new_one_does(alice):
    tablet = Phone(alice.fake, "alice")
    leaked = alice.fake.session_key("alice")
    assert wechat_session.end(openid=OpenId.objects.get()) is True
    assert alice.fake.session_key("alice") != leaked
    assert keys() == [alice.fake.session_key("alice")]
    for phone in (alice, tablet):
        forged = phone.encrypt(STEPS, session_key=leaked)
        assert_error(phone.post("decrypt/", forged), "undecryptable")
        # Nobody has to log in again.
        assert phone.post("decrypt/", phone.encrypt(STEPS)).status_code == 200
    assert alice.post("session/check/").json() == {"valid": True}


@pytest.mark.parametrize("lost", ["stale", "timeout", "rubbish"])
def test_when_wechat_confirms_nothing_what_is_stored_is_dropped_all_the_same(alice, lost):
    if lost == "stale":
        alice.fake.rotate_session_key("alice")
    elif lost == "timeout":
        alice.fake.faults.add(faults.Reset(), path=RESET)
    else:
        alice.fake.faults.add(faults.not_json(), path=RESET)
    assert wechat_session.end(openid=OpenId.objects.get()) is False
    assert keys() == []
    assert_error(alice.post("decrypt/", alice.encrypt(STEPS)), "session_key_missing")


def test_when_wechat_cannot_be_asked_nothing_has_changed(alice):
    alice.fake.faults.add(faults.Errcode(-1), path=RESET)
    before = keys()
    with pytest.raises(WeChatUnavailable):
        wechat_session.end(openid=OpenId.objects.get())
    assert keys() == before
    assert len(before) == 1


def test_there_is_no_end_of_what_is_not_there(alice):
    Login.objects.update(sealed_session_key=None)
    with pytest.raises(SessionKeyMissing):
        wechat_session.end(openid=OpenId.objects.get())
    assert not asked(alice.fake, RESET)
