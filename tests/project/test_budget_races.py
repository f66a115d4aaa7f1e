"""Many attempts on one openid at once: no more than ten are judged, and data is good for one."""

from __future__ import annotations

import threading
from collections import Counter
from functools import partial

import pytest
from django.db import connection, connections

from tests.api.phone import Phone
from wxauth.models import Login, OpenId, SpentData

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = {"stepInfoList": []}
AT_ONCE = 20 if connection.vendor == "sqlite" else 40


@pytest.fixture
def alice(fake_wechat):
    return Phone(fake_wechat, "alice")


def together(calls):
    gate = threading.Barrier(len(calls))
    codes = []

    def run(call):
        gate.wait()
        try:
            answer = call()
            codes.append(answer.json().get("code", answer.status_code))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(codes)


def test_ten_attempts_are_judged_however_many_come_at_once(alice):
    for _ in range(3):
        alice.log_in()
        rubbish = [alice.fake.encrypt(STEPS, "bob") for _ in range(AT_ONCE)]
        codes = together([partial(alice.post, "decrypt/", data) for data in rubbish])
        assert codes == {"undecryptable": 10, "session_key_missing": AT_ONCE - 10}
        assert OpenId.objects.get().failures == 10
        assert not Login.objects.exclude(sealed_session_key=None).exists()


def test_right_data_among_the_wrong_is_judged_in_its_turn(alice):
    right = [alice.encrypt(STEPS) for _ in range(AT_ONCE // 2)]
    wrong = [alice.fake.encrypt(STEPS, "bob") for _ in range(AT_ONCE // 2)]
    codes = together([partial(alice.post, "decrypt/", data) for data in right + wrong])
    assert codes["undecryptable"] == 10
    assert set(codes) <= {200, "undecryptable", "session_key_missing"}
    assert SpentData.objects.count() == codes[200]


def test_the_same_data_sent_many_times_at_once_is_used_once(alice):
    tablet = Phone(alice.fake, "alice")
    for _ in range(3):
        alice.log_in()
        data = alice.encrypt(STEPS)
        codes = together([partial(phone.post, "decrypt/", data) for phone in (alice, tablet) * 4])
        assert codes == {200: 1, "undecryptable": 7}


def test_logins_meanwhile_forgive_and_nothing_breaks(alice):
    wrong = [alice.fake.encrypt(STEPS, "bob") for _ in range(12)]
    phones = [Phone(alice.fake, "alice") for _ in range(2)]
    calls = [partial(phones[0].post, "decrypt/", data) for data in wrong]
    calls += [
        lambda code=code: phones[1].client.post(
            "/api/wxauth/login/", {"code": code}, content_type="application/json"
        )
        for code in [alice.fake.login_code("alice") for _ in range(6)]
    ]
    codes = together(calls)
    assert codes[200] == 6
    assert set(codes) <= {200, "undecryptable", "session_key_missing"}
    alice.log_in()
    assert alice.post("decrypt/", alice.encrypt(STEPS)).status_code == 200
