"""Ten refusals with one session_key, and there is nothing left to try on. Data works once."""

from __future__ import annotations

import base64
import contextlib
import time
from datetime import timedelta

import pytest
from Crypto.Cipher import AES
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.api.contract import assert_error
from tests.api.phone import APP_ONE, Phone, call
from wxauth.models import FailedKey, Login, OpenId, SpentData
from wxauth.services.data import wechat_session
from wxauth.signals import budget_spent
from wxauth.testing.phone import compact

pytestmark = pytest.mark.django_db

STEPS = {"stepInfoList": []}
RUBBISH = {"encryptedData": "!", "iv": "!"}


def fail(phone: Phone, times: int = 1) -> None:
    for _ in range(times):
        assert_error(phone.post("decrypt/", RUBBISH), "undecryptable")


def keys() -> int:
    return Login.objects.exclude(sealed_session_key=None).count()


# -- the budget --------------------------------------------------------------------------------


def test_after_ten_failures_there_is_no_session_key_until_wechat_has_another(alice, bob):
    tablet = Phone(alice.fake, "alice")
    heard = []

    def hear(sender, login, **kwargs):
        heard.append(login.openid)

    budget_spent.connect(hear)
    fail(alice, 10)
    budget_spent.disconnect(hear)
    assert heard == [alice.fake.person("alice").openid(APP_ONE)]
    for phone in (alice, tablet):
        for data in (RUBBISH, phone.encrypt(STEPS)):
            assert_error(phone.post("decrypt/", data), "session_key_missing")
        assert phone.get("me/").status_code == 200
    assert bob.post("decrypt/", bob.encrypt(STEPS)).status_code == 200
    alice.log_in()
    assert_error(alice.post("decrypt/", alice.encrypt(STEPS)), "session_key_missing")
    alice.fake.rotate_session_key("alice")
    alice.log_in()
    assert alice.post("decrypt/", alice.encrypt(STEPS)).status_code == 200
    fail(alice, 10)
    assert_error(alice.post("decrypt/", RUBBISH), "session_key_missing")


def test_a_success_in_between_gives_nothing_back(alice):
    for _ in range(9):
        fail(alice)
        assert alice.post("decrypt/", alice.encrypt(STEPS)).status_code == 200
    fail(alice)
    assert_error(alice.post("decrypt/", alice.encrypt(STEPS)), "session_key_missing")


def test_all_endpoints_and_devices_draw_on_one_budget(alice):
    tablet = Phone(alice.fake, "alice")
    info = {**RUBBISH, "rawData": "{}", "signature": "0" * 40}
    for phone in (alice, tablet):
        for endpoint in ("me/phone/", "me/userinfo/", "decrypt/"):
            assert_error(phone.post(endpoint, RUBBISH), "undecryptable")
        assert_error(phone.post("me/userinfo/", info), "undecryptable")
    fail(alice, 2)
    assert_error(tablet.post("decrypt/", tablet.encrypt(STEPS)), "session_key_missing")


def test_another_app_has_a_budget_of_its_own(alice, alice_in_two):
    fail(alice, 10)
    assert alice_in_two.post("decrypt/", alice_in_two.encrypt(STEPS)).status_code == 200


def test_the_same_key_at_the_next_login_has_what_it_had_left(alice):
    fail(alice, 6)
    tablet = Phone(alice.fake, "alice")
    assert OpenId.objects.get().failures == 6
    fail(tablet, 4)
    for phone in (alice, tablet):
        assert_error(phone.post("decrypt/", phone.encrypt(STEPS)), "session_key_missing")


def test_a_new_key_has_its_ten_and_gives_none_to_the_one_before(alice):
    fail(alice, 9)
    before = alice.encrypt(STEPS), alice.encrypt({"stepInfoList": [1]})
    alice.fake.rotate_session_key("alice")
    tablet = Phone(alice.fake, "alice")
    assert OpenId.objects.get().failures == 0
    # It was superseded a moment ago, and data of it may be on its way,
    assert tablet.post("decrypt/", before[0]).status_code == 200
    fail(tablet)  # but this was its tenth.
    for phone in (alice, tablet):
        assert_error(phone.post("decrypt/", before[1]), "undecryptable")
        assert phone.post("decrypt/", phone.encrypt(STEPS)).status_code == 200
    fail(tablet, 7)
    assert_error(tablet.post("decrypt/", tablet.encrypt(STEPS)), "session_key_missing")


def test_after_a_day_a_key_that_wechat_did_not_replace_may_be_tried_again(alice):
    before = timezone.now()
    fail(alice, 9)
    (row,) = FailedKey.objects.all()
    assert before < row.expires_at - timedelta(days=1) < timezone.now()
    fail(alice)
    alice.log_in()
    assert_error(alice.post("decrypt/", RUBBISH), "session_key_missing")
    assert FailedKey.objects.get().expires_at == row.expires_at  # The first failure counts.
    FailedKey.objects.update(expires_at=timezone.now())
    assert alice.post("decrypt/", alice.encrypt(STEPS)).status_code == 200
    fail(alice, 10)
    assert_error(alice.post("decrypt/", alice.encrypt(STEPS)), "session_key_missing")


def test_the_staff_can_end_the_wait(alice):
    """A WeChat session that the staff end has another key."""
    fail(alice, 10)
    alice.log_in()
    assert_error(alice.post("decrypt/", alice.encrypt(STEPS)), "session_key_missing")
    assert wechat_session.end(openid=OpenId.objects.get())
    assert alice.post("decrypt/", alice.encrypt(STEPS)).status_code == 200


def test_one_key_of_two_people_has_two_budgets(alice, eve):
    """Nobody spends what is somebody else's: the openid is part of what is remembered."""
    for phone in (alice, eve):
        phone.fake.set_session_key("c2FtZS1rZXktZm9yLWFsbA==", phone.person)
        phone.log_in()
    fail(eve, 10)
    assert alice.post("decrypt/", alice.encrypt(STEPS)).status_code == 200


def test_what_is_remembered_of_a_key_is_not_the_key(alice):
    fail(alice)
    (row,) = FailedKey.objects.values()
    assert alice.fake.session_key("alice") not in str(row)
    assert len(row["digest"]) == 43


def test_what_comes_along_with_a_login_is_counted_after_it_forgave(alice):
    fail(alice, 9)
    alice.fake.rotate_session_key("alice")
    body = alice.log_in(**RUBBISH)
    assert [warning["code"] for warning in body["warnings"]] == ["undecryptable"]
    assert OpenId.objects.get().failures == 1
    assert keys() == 2


@pytest.mark.django_db(transaction=True)
def test_atomic_requests_do_not_undo_the_count(fake_wechat, monkeypatch):
    alice = Phone(fake_wechat, "alice")
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    fail(alice, 10)
    assert OpenId.objects.get().failures == 10
    assert keys() == 0


# -- once --------------------------------------------------------------------------------------


def twice(phone, endpoint, data, disguise=lambda data: data):
    answer = phone.post(endpoint, data)
    assert answer.status_code == 200, answer.content
    assert_error(phone.post(endpoint, disguise(data)), "undecryptable")


def raw(text):
    return base64.b64decode(text)


def b64(data):
    return base64.b64encode(data).decode()


def another_spelling(data):
    return {name: text.rstrip("=").replace("+", "-") for name, text in data.items()}


def another_iv(data):
    """The first block reads otherwise: ``{"nickName":"a"`` becomes ``{"nickName":"b"``."""
    iv = bytearray(raw(data["iv"]))
    iv[13] ^= 3
    return {**data, "iv": b64(iv)}


def a_block_replaced(data):
    """Rubbish within a long string, where JSON does not mind it."""
    ciphertext = bytearray(raw(data["encryptedData"]))
    ciphertext[64:80] = bytes(16)
    return {**data, "encryptedData": b64(ciphertext)}


def blocks_in_front(data):
    ciphertext = raw(data["encryptedData"])
    return {**data, "encryptedData": b64(ciphertext[32:48] + ciphertext)}


def blocks_doubled(data):
    ciphertext = raw(data["encryptedData"])
    return {**data, "encryptedData": b64(ciphertext[:96] + ciphertext[64:])}


DISGUISES = [dict, another_spelling, another_iv, a_block_replaced, blocks_in_front, blocks_doubled]


@pytest.mark.parametrize("disguise", DISGUISES, ids=lambda disguise: disguise.__name__)
@pytest.mark.parametrize("endpoint", ["decrypt/", "me/userinfo/"])
def test_data_is_used_once_whatever_it_is_dressed_up_as(alice, endpoint, disguise):
    data = alice.encrypt({"nickName": "a", "text": "x" * 200})
    twice(alice, endpoint, data, disguise)
    assert SpentData.objects.count() == 1


def test_a_disguise_that_still_reads_as_json_is_seen_through(alice, fake_wechat):
    data = alice.encrypt({"nickName": "a", "text": "x" * 200})
    disguised = disguise_well(raw(fake_wechat.session_key("alice")), data)
    assert raw(disguised["encryptedData"])[-16:] == raw(data["encryptedData"])[-16:]
    assert alice.post("decrypt/", disguised).status_code == 200  # Good by itself,
    assert_error(alice.post("decrypt/", data), "undecryptable")  # and used up with the other.


def disguise_well(key, data):
    """The data with another fifth block, such that nothing shows but other letters in a string.

    Who knows the text of enough data can do this without the key.
    """
    ciphertext = raw(data["encryptedData"])
    ecb = AES.new(key, AES.MODE_ECB)
    before, after = ciphertext[48:64], ecb.decrypt(ciphertext[80:96])
    for number in range(10_000_000):
        # What the next block reads is chosen; what this one reads is left to chance.
        block = bytes(a ^ b for a, b in zip(after, b"%016d" % number, strict=True))
        shown = bytes(a ^ b for a, b in zip(ecb.decrypt(block), before, strict=True))
        with contextlib.suppress(UnicodeDecodeError):
            if not {'"', "\\"} & set(shown.decode()):
                return {**data, "encryptedData": b64(ciphertext[:64] + block + ciphertext[80:])}
    raise AssertionError("No luck.")


def test_new_data_is_no_replay(alice):
    for _ in range(3):
        assert alice.post("decrypt/", alice.encrypt(STEPS)).status_code == 200


def test_a_replay_counts_as_a_failure(alice):
    data = alice.encrypt(STEPS)
    assert alice.post("decrypt/", data).status_code == 200
    for _ in range(10):
        assert_error(alice.post("decrypt/", data), "undecryptable")
    assert_error(alice.post("decrypt/", data), "session_key_missing")


def test_data_is_remembered_until_it_is_too_old(alice, configure):
    configure(DATA_MAX_AGE=100)
    before = time.time()
    made = int(before) - 60
    mark = {"watermark": {"appid": APP_ONE, "timestamp": made}}
    assert alice.post("decrypt/", alice.encrypt({**STEPS, **mark})).status_code == 200
    expires = SpentData.objects.get().expires_at.timestamp()
    assert expires == pytest.approx(made + 100, abs=1)


def test_without_freshness_there_is_no_memory(alice, configure):
    configure(DATA_MAX_AGE=0)
    data = alice.encrypt(STEPS)
    for _ in range(2):
        assert alice.post("decrypt/", data).status_code == 200
    assert not SpentData.objects.exists()


def test_what_was_refused_is_not_used_up(alice, bob):
    """The number is somebody else's; when they let go of it, the same data binds it."""
    number = alice.fake.phone_data("alice")
    alice.fake.add_person("bob", phone=alice.fake.person("alice").phone)
    assert bob.post("me/phone/", bob.fake.phone_data("bob")).status_code == 200
    assert_error(alice.post("me/phone/", number), "conflict")
    row = bob.row
    row.phone_hash = None
    row.save()
    assert alice.post("me/phone/", number).status_code == 200


def test_data_of_another_kind_is_refused_like_rubbish_and_not_used_up(alice):
    steps = alice.encrypt(STEPS)
    assert_error(alice.post("me/phone/", steps), "undecryptable")
    assert OpenId.objects.get().failures == 1
    assert alice.post("decrypt/", steps).status_code == 200


def test_data_of_the_same_blocks_is_anothers_own(alice, fake_wechat):
    """Nobody uses up what is somebody else's: the openid is part of what is remembered."""
    key = "c2FtZS1rZXktZm9yLWFsbA=="
    for name in ("alice", "eve"):
        fake_wechat.set_session_key(key, name)
    eve = Phone(fake_wechat, "eve")
    alice.log_in()
    text = compact({**STEPS, "watermark": {"appid": APP_ONE, "timestamp": int(time.time())}})
    data = fake_wechat.encrypt(text.encode(), "alice", iv=b"i" * 16)
    assert eve.post("decrypt/", data).status_code == 200
    assert alice.post("decrypt/", data).status_code == 200


def test_a_token_that_is_none_counts_for_nobody(alice):
    answer = call(Client(), "POST", "decrypt/", RUBBISH, token="wxa_nobody")
    assert_error(answer, "invalid_token")
    assert OpenId.objects.get().failures == 0
