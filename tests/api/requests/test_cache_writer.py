"""Eve can write to the cache, and to nothing else: what does that give her?

She shares the Redis with us, found it open on the network, or owns another application on it. She
reads every key and value there, and writes what she likes. She has a phone and a login of her own
in one app, and wants alice's token: the login of a claim that she has made is looked up by a
number in the cache.
"""

from __future__ import annotations

import os
import pickle
import uuid
from datetime import timedelta

import pytest
from django.conf import settings as project
from django.core.cache import cache
from django.test import Client

from tests.api.contract import assert_error
from tests.api.phone import APP_ONE, APP_TWO, Phone, call
from wxauth.models import Login, OpenId
from wxauth.services import cache as shared_cache
from wxauth.services import claims as shared_claims

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _cache_of_its_own(monkeypatch, settings):
    monkeypatch.setattr(shared_cache, "_gone_until", 0.0)
    monkeypatch.setattr(shared_claims, "PATIENCE", 0.1)
    backend = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": uuid.uuid4().hex}}


def send(code, appid=APP_ONE, **headers):
    body = {"code": code, "appid": appid}
    return call(Client(), "POST", "login/", body, headers={"User-Agent": "a phone", **headers})


def claims():
    """What eve sees: the names of all claims."""
    return [key.split(":", 2)[2] for key in cache._cache if ":claim:" in key]


def write_over_claim(code, values, appid=APP_ONE, **headers):
    """Let eve's code be claimed, put each value there, and send the code again."""
    before = set(claims())
    assert send(code, appid, **headers).status_code in (200, 403)
    (name,) = set(claims()) - before
    for value in values:
        shared_cache._gone_until = 0.0
        cache.set(name, value, 60)
        yield send(code, appid, **headers)


def disguises(number):
    """The number of a login, and the number as it might be taken for one."""
    return [number, str(number), f"{number}.", f"{number}." + "A" * 43, {"login": number}, True]


def test_the_number_of_alices_login_hands_nobody_her_token(alice, eve, fake_wechat):
    """The attack: eve's own claim, with the number of alice's login in it."""
    assert alice.post("me/phone/", fake_wechat.phone_data("alice")).status_code == 200
    mine = fake_wechat.login_code("eve")
    for answer in write_over_claim(mine, disguises(2 * alice.login.pk)):
        assert_error(answer, "code_used")
    assert Login.objects.filter(via=alice.login.via).count() == 1


def test_what_stands_under_alices_claim_is_good_for_nothing_under_eves(eve, fake_wechat):
    """Eve copies the whole value, at the very moment: same device, same address, same app."""
    before = set(claims())
    assert send(fake_wechat.login_code("alice")).status_code == 200
    (of_alice,) = (cache.get(name) for name in claims() if name not in before)
    for answer in write_over_claim(fake_wechat.login_code("eve"), [of_alice]):
        assert_error(answer, "code_used")
    assert (
        Login.objects.filter(via__openid=fake_wechat.person("alice").openid(APP_ONE)).count() == 1
    )


def test_no_openid_of_one_app_becomes_a_user_of_another(alice, fake_wechat, count_rows):
    """The attack across apps: a login of app one under a claim of app two."""
    mine = Phone(fake_wechat, "eve", APP_TWO)
    before = count_rows()
    code = fake_wechat.login_code("eve", APP_TWO)
    for answer in write_over_claim(code, disguises(2 * alice.login.pk), APP_TWO):
        assert_error(answer, "code_used")
    assert count_rows() == {**before, "Login": before["Login"] + 1}
    assert OpenId.objects.filter(appid=APP_TWO).get() == mine.login.via


def test_a_claim_that_is_kept_alive_is_over_all_the_same(fake_wechat):
    """Eve has alice's code and sits beside her; she writes the value back when it has expired."""
    code = fake_wechat.login_code("alice")
    assert send(code).status_code == 200
    (name,) = claims()
    value = cache.get(name)
    Login.objects.update(created_at=Login.objects.get().created_at - timedelta(seconds=9))
    assert send(code).status_code == 200  # Nine seconds later alice's phone may still repeat it.
    cache.set(name, value, 60)
    first = Login.objects.earliest("pk")
    first.created_at -= timedelta(seconds=1)
    first.save()
    assert_error(send(code), "code_used")


def test_a_claim_that_is_taken_away_lets_wechat_decide(fake_wechat):
    code = fake_wechat.login_code("alice")
    assert send(code).status_code == 200
    cache.clear()
    assert_error(send(code), "code_used")


def test_a_claim_that_never_ends_only_makes_wait(fake_wechat):
    """Availability: whoever writes to the cache can do this, and raise or lower every count."""
    code = fake_wechat.login_code("alice")
    for answer in write_over_claim(code, [shared_claims.PENDING, None, 2**70, -1, b"", "0.", []]):
        assert_error(answer, "code_used")


class Payload:
    """Whoever unpickles it makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


SHIPPED = project.CACHES["default"]


@pytest.mark.skipif("redis" not in SHIPPED["BACKEND"], reason="The cache is no Redis.")
def test_what_stands_in_redis_is_read_and_not_run(fake_wechat, settings, tmp_path):
    """The attack past all of this: Django's own serializer unpickles what it finds."""
    settings.CACHES = {"default": SHIPPED}
    cache.clear()
    code = fake_wechat.login_code("eve")
    assert send(code).status_code == 200
    with cache._cache.get_client(write=True) as redis:
        (name,) = redis.keys("*:claim:*")
        redis.set(name, pickle.dumps(Payload(str(tmp_path / "eve"))), ex=60)
    assert_error(send(code), "code_used")
    assert list(tmp_path.iterdir()) == []
