"""decrypt/: whose data is read, how old it may be, and what of it is shown."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.api.contract import assert_error
from tests.api.phone import APP_ONE, APP_TWO, Phone
from wxauth.testing.phone import compact

pytestmark = pytest.mark.django_db

GOOD = {"nickName": "x", "purePhoneNumber": "13800138001", "countryCode": "86"}


def mark(**changes: Any) -> dict[str, Any]:
    return {"watermark": {"appid": APP_ONE, "timestamp": int(time.time()), **changes}}


def marked(alice: Phone, **changes: Any) -> dict[str, str]:
    """Good data, but for what is changed in its watermark."""
    return alice.encrypt({**GOOD, **mark(**changes)})


# -- the window, the watermark -----------------------------------------------------------------


@pytest.mark.parametrize("age", [-290, 0, 290])
def test_data_within_the_window_is_read(alice, age):
    data = marked(alice, timestamp=int(time.time()) - age)
    assert alice.post("decrypt/", data).status_code == 200


@pytest.mark.parametrize("timestamp", [0, 1, 2**40, "x", None, True])
def test_with_a_max_age_of_0_any_age_will_do(alice, configure, timestamp):
    configure(DATA_MAX_AGE=0)
    data = marked(alice, timestamp=timestamp)
    assert alice.post("decrypt/", data).status_code == 200


def test_with_a_max_age_of_0_data_of_another_app_is_refused_still(alice, configure):
    configure(DATA_MAX_AGE=0)
    answer = alice.post("decrypt/", marked(alice, appid=APP_TWO))
    assert_error(answer, "undecryptable")


def test_the_window_is_the_settings(alice, configure):
    configure(DATA_MAX_AGE=10)
    old = marked(alice, timestamp=int(time.time()) - 20)
    assert_error(alice.post("decrypt/", old), "undecryptable")


def test_a_watermark_may_be_waived_for_what_is_not_about_a_person(alice, configure):
    steps = alice.encrypt({"stepInfoList": []}, watermark=False)
    assert_error(alice.post("decrypt/", steps), "undecryptable")
    configure(REQUIRE_WATERMARK=False)
    assert alice.post("decrypt/", steps).json() == {"data": {"stepInfoList": []}}


@pytest.mark.parametrize("key", ["nickName", "openId", "purePhoneNumber", "phoneNumber"])
def test_a_watermark_is_never_waived_for_what_is(alice, configure, key):
    configure(REQUIRE_WATERMARK=False)
    value = alice.fake.person("alice").openid(APP_ONE)
    data = alice.encrypt({key: value}, watermark=False)
    assert_error(alice.post("decrypt/", data), "undecryptable")


def test_a_watermark_that_is_there_counts_even_where_it_is_waived(alice, configure):
    configure(REQUIRE_WATERMARK=False)
    data = alice.encrypt({"stepInfoList": [], **mark(appid=APP_TWO)})
    assert_error(alice.post("decrypt/", data), "undecryptable")


# -- decrypt/ ----------------------------------------------------------------------------------


def test_steps_come_out_as_wechat_wrote_them(alice):
    answer = alice.post("decrypt/", alice.fake.werun_data("alice", step=4321))
    data = answer.json()["data"]
    assert len(data["stepInfoList"]) == 31
    assert data["stepInfoList"][0]["step"] == 4321
    assert data["watermark"]["appid"] == APP_ONE


def test_ids_stay_on_the_server(alice):
    answer = alice.post("decrypt/", alice.user_info(real=True))
    person = alice.fake.person("alice")
    assert answer.json()["data"]["nickName"] == "小爱"
    assert person.openid(APP_ONE) not in answer.content.decode()
    assert person.unionid("default") not in answer.content.decode()


def test_text_comes_out_as_it_went_in(alice):
    text = '\x07 \u2028 👨‍👩‍👧 \\ " < & 微信 \ufffe'
    answer = alice.post("decrypt/", alice.encrypt({"openGId": text, "n": [1.5, None, True]}))
    assert answer.json()["data"]["openGId"] == text
    assert answer.json()["data"]["n"] == [1.5, None, True]


def test_a_raw_control_character_is_no_fault(alice):
    """WeChat does not escape them in nicknames."""
    inner = compact({"nickName": "a?b", **mark()}).replace("?", "\x01")
    answer = alice.post("decrypt/", alice.encrypt(inner.encode()))
    assert answer.json()["data"]["nickName"] == "a\x01b"


def test_data_of_one_app_is_not_read_with_the_token_of_another(alice, alice_in_two):
    data = alice_in_two.encrypt({"openGId": "tG"})
    assert_error(alice.post("decrypt/", data), "undecryptable")
    assert alice_in_two.post("decrypt/", data).status_code == 200


def test_data_keeps_being_readable_with_the_key_of_its_own_login(alice):
    """Overlapping logins never overwrite each other's session_key."""
    old_token, old_key = alice.token, alice.fake.session_key("alice")
    alice.fake.rotate_session_key("alice")
    alice.log_in()
    data = alice.encrypt({"openGId": "tG"}, session_key=old_key)
    alice.token = old_token
    assert alice.post("decrypt/", data).status_code == 200


def test_nothing_of_it_is_logged(alice, caplog):
    caplog.set_level("DEBUG")
    alice.post("me/phone/", alice.fake.phone_data("alice"))
    alice.post("me/phone/", alice.encrypt({**GOOD, "purePhoneNumber": "x13800138001"}))
    for secret in ("13800138001", alice.fake.session_key("alice"), alice.token):
        assert secret not in caplog.text
    assert json.dumps(GOOD) not in caplog.text
