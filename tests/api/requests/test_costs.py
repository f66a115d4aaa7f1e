"""What a request costs, by count: time is for ``make bench``. A figure may only go down.

Statements with BEGIN, COMMIT, savepoints and what Django's own receivers add; how often the cache
is asked, which is a round trip to Redis; calls to WeChat; threads; what is sealed, opened,
decrypted.
"""

from __future__ import annotations

import re

import pytest
from django.conf import settings

from tests.api.phone import Phone, log_in
from wxauth.services import cache

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alice(fake_wechat) -> Phone:
    """She has logged in, and the connection to WeChat is there."""
    return Phone(fake_wechat, "alice")


def test_a_first_login(alice, client, fake_wechat, costs):
    cost = costs(lambda: log_in(client, fake_wechat, "bob"))
    assert cost == {"statements": 11, "cache": 3, "wechat": 1, "seal": 1}


def test_a_returning_login(alice, client, fake_wechat, costs):
    cost = costs(lambda: log_in(client, fake_wechat, "alice"))
    assert cost == {"statements": 4, "cache": 3, "wechat": 1, "seal": 1}


def test_a_token(alice, costs):
    assert costs(lambda: alice.get("me/")) == {"statements": 1}


def test_a_number_from_encrypted_data(alice, fake_wechat, costs):
    sent = fake_wechat.phone_data("alice")
    cost = costs(lambda: alice.post("me/phone/", sent))
    assert cost == {"statements": 10, "cache": 1, "seal": 1, "open": 2, "decrypt": 1}


# -- Redis -------------------------------------------------------------------------------------


@pytest.fixture
def asked_of_redis(monkeypatch) -> list[list[str]]:
    """Each round trip, with the names of its commands."""
    if "redis" not in settings.CACHES["default"]["BACKEND"]:
        pytest.skip("The cache is no Redis.")
    from redis.connection import Connection

    monkeypatch.setattr(cache, "_gone_until", 0.0)
    trips = []
    send = Connection.send_packed_command

    def sent(self, packed, *args, **kwargs):
        packed = list(packed)
        names = re.findall(rb"(?:^|\r\n)\*\d+\r\n\$\d+\r\n(\w+)", b"".join(packed))
        trips.append([name.decode() for name in names])
        return send(self, packed, *args, **kwargs)

    monkeypatch.setattr(Connection, "send_packed_command", sent)
    return trips


def test_a_login_goes_to_redis_three_times(alice, client, fake_wechat, asked_of_redis):
    asked_of_redis.clear()
    assert log_in(client, fake_wechat, "alice").status_code == 200
    assert asked_of_redis == [
        ["SET", "INCRBY", "SET"],  # The address is counted, and the code claimed.
        ["SET", "INCRBY"],  # The openid is counted.
        ["SET"],  # What came of the code.
    ]


def test_a_request_with_a_limit_goes_to_redis_once(alice, fake_wechat, asked_of_redis):
    asked_of_redis.clear()
    assert alice.post("me/", {"nickname": "Alice"}).status_code == 200
    assert asked_of_redis == [["SET", "INCRBY"]]


def test_a_token_does_not_go_to_redis(alice, asked_of_redis):
    asked_of_redis.clear()
    alice.me()
    assert asked_of_redis == []
