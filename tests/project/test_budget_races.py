"""Many attempts on one openid at once: no more than ten are judged, and data is good for one."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from django.db import connection

from tests.api.phone import Phone
from tests.together import together
from wxauth.models import Login, OpenId, SpentData

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = {"stepInfoList": []}
AT_ONCE = 20 if connection.vendor == "sqlite" else 40


@pytest.fixture
def alice(fake_wechat):
    return Phone(fake_wechat, "alice")


def codes_of(calls):
    """How often each code, or status where there is none, was the answer to calls at once."""
    answers = together(calls)
    return Counter(answer.json().get("code", answer.status_code) for answer in answers)


def test_ten_attempts_are_judged_however_many_come_at_once(alice):
    for _ in range(3):
        alice.fake.rotate_session_key("alice")
        alice.log_in()
        rubbish = [alice.fake.encrypt(STEPS, "bob") for _ in range(AT_ONCE)]
        codes = codes_of([partial(alice.post, "decrypt/", data) for data in rubbish])
        assert codes == {"undecryptable": 10, "session_key_missing": AT_ONCE - 10}
        assert OpenId.objects.get().failures == 10
        assert not Login.objects.exclude(sealed_session_key=None).exists()


def test_right_data_among_the_wrong_is_judged_in_its_turn(alice):
    right = [alice.encrypt(STEPS) for _ in range(AT_ONCE // 2)]
    wrong = [alice.fake.encrypt(STEPS, "bob") for _ in range(AT_ONCE // 2)]
    codes = codes_of([partial(alice.post, "decrypt/", data) for data in right + wrong])
    assert codes["undecryptable"] == 10
    assert set(codes) <= {200, "undecryptable", "session_key_missing"}
    assert SpentData.objects.count() == codes[200]


def test_the_same_data_sent_many_times_at_once_is_used_once(alice):
    tablet = Phone(alice.fake, "alice")
    for _ in range(3):
        alice.fake.rotate_session_key("alice")
        alice.log_in()
        data = alice.encrypt(STEPS)
        codes = codes_of([partial(phone.post, "decrypt/", data) for phone in (alice, tablet) * 4])
        assert codes == {200: 1, "undecryptable": 7}


def test_logins_meanwhile_with_the_same_key_add_no_attempts(alice):
    wrong = [alice.fake.encrypt(STEPS, "bob") for _ in range(12)]
    phones = [Phone(alice.fake, "alice") for _ in range(2)]
    calls = [partial(phones[0].post, "decrypt/", data) for data in wrong]
    calls += [
        lambda code=code: phones[1].client.post(
            "/api/wxauth/login/", {"code": code}, content_type="application/json"
        )
        for code in [alice.fake.login_code("alice") for _ in range(6)]
    ]
    codes = codes_of(calls)
    assert codes[200] == 6
    assert codes["undecryptable"] <= 10
    assert set(codes) <= {200, "undecryptable", "session_key_missing"}
    alice.fake.rotate_session_key("alice")
    alice.log_in()
    assert alice.post("decrypt/", alice.encrypt(STEPS)).status_code == 200
