"""Data that comes along with a login: what is good is kept, what is bad is a warning."""

from __future__ import annotations

import time

import pytest

from tests.api.contract import assert_error
from tests.api.phone import APP_ONE, APP_TWO, call, log_in
from wxauth.models import Identity, OpenId, Person

pytestmark = pytest.mark.django_db

PICTURE = "https://thirdwx.qlogo.cn/mmopen/vi_32/alice/132"


def only_encrypted(info: dict[str, str]) -> dict[str, str]:
    return {name: info[name] for name in ("encryptedData", "iv")}


def only_signed(info: dict[str, str]) -> dict[str, str]:
    return {name: info[name] for name in ("rawData", "signature")}


@pytest.fixture(autouse=True)
def _alice_has_a_picture(fake_wechat):
    fake_wechat.add_person("alice", avatar_url=PICTURE)


# -- what is good ------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [only_encrypted, only_signed, dict], ids=lambda p: p.__name__)
def test_a_real_profile_is_taken_in(fake_wechat, client, part):
    info = fake_wechat.user_info("alice", real=True)
    body = log_in(client, fake_wechat, "alice", **part(info)).json()
    assert body["warnings"] == []
    assert (body["user"]["nickname"], body["user"]["avatar"]) == ("小爱", PICTURE)


def test_a_phone_number_is_taken_in(fake_wechat, client):
    body = log_in(client, fake_wechat, "alice", **fake_wechat.phone_data("alice")).json()
    assert body["warnings"] == []
    assert body["user"]["phone"] == "+8613800138001"


def test_other_open_data_is_no_fault(fake_wechat, client):
    body = log_in(client, fake_wechat, "alice", **fake_wechat.werun_data("alice")).json()
    assert body["warnings"] == []


@pytest.mark.parametrize("part", [only_encrypted, only_signed, dict], ids=lambda p: p.__name__)
def test_an_anonymous_profile_overwrites_nothing(fake_wechat, alice, part):
    """WeChat has called everybody 微信用户, with a grey picture, since 2022."""
    alice.log_in(**alice.user_info(real=True))
    body = alice.log_in(**part(alice.user_info()))
    assert body["warnings"] == []
    assert (body["user"]["nickname"], body["user"]["avatar"]) == ("小爱", PICTURE)


def test_an_anonymous_profile_is_nobodys_name(fake_wechat, client):
    body = log_in(client, fake_wechat, "alice", **fake_wechat.user_info("alice")).json()
    assert (body["user"]["nickname"], body["user"]["avatar"]) == (None, None)
    assert Person.objects.get().nickname == ""


# -- what is not -------------------------------------------------------------------------------


def undecryptable(field: str) -> dict[str, str]:
    return {"field": field, "code": "undecryptable", "action": "refetch"}


BAD = {
    "encrypted under another key": (
        lambda fake: only_encrypted(fake.user_info("bob", real=True)),
        ["encryptedData"],
    ),
    "not base64": (lambda fake: {"encryptedData": "!", "iv": "!"}, ["encryptedData"]),
    "empty": (lambda fake: {"encryptedData": "", "iv": ""}, ["encryptedData"]),
    "an endless iv": (
        lambda fake: {**only_encrypted(fake.user_info("alice")), "iv": "A" * 10_000},
        ["encryptedData"],
    ),
    "NUL in it": (lambda fake: {"encryptedData": "a\0", "iv": "a\0"}, ["encryptedData"]),
    "stale": (
        lambda fake: fake.encrypt(
            {
                "nickName": "old",
                "watermark": {"appid": APP_ONE, "timestamp": int(time.time()) - 3600},
            },
            "alice",
        ),
        ["encryptedData"],
    ),
    "of another app": (
        lambda fake: fake.encrypt(
            {"nickName": "x", "watermark": {"appid": APP_TWO, "timestamp": int(time.time())}},
            "alice",
        ),
        ["encryptedData"],
    ),
    "with the openId of another": (
        lambda fake: fake.encrypt(
            {"openId": fake.person("bob").openid(APP_ONE), "nickName": "x"}, "alice"
        ),
        ["encryptedData"],
    ),
    "a signature of another": (
        lambda fake: only_signed(fake.user_info("bob", real=True)),
        ["rawData"],
    ),
    "rawData with one blank more": (
        lambda fake: {
            "rawData": fake.user_info("alice", real=True)["rawData"] + " ",
            "signature": fake.user_info("alice", real=True)["signature"],
        },
        ["rawData"],
    ),
    "an empty signature": (
        lambda fake: {**only_signed(fake.user_info("alice")), "signature": ""},
        ["rawData"],
    ),
    "both": (
        lambda fake: fake.user_info("bob", real=True),
        ["rawData", "encryptedData"],
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_data_is_a_warning_and_the_login_stands(fake_wechat, client, bad):
    make, fields = BAD[bad]
    answer = log_in(client, fake_wechat, "alice", **make(fake_wechat))
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["warnings"] == [undecryptable(field) for field in fields]
    assert body["user"]["nickname"] is None
    assert call(client, "GET", "me/", token=body["token"]).json() == body["user"]


def test_data_that_was_used_up_at_a_login_is_bad_at_the_next(fake_wechat, alice):
    data = fake_wechat.phone_data("alice")
    assert alice.log_in(**data)["warnings"] == []
    # The key is the same, so that it opens: only that it was used speaks against it.
    assert alice.log_in(**data)["warnings"] == [undecryptable("encryptedData")]
    assert OpenId.objects.get().failures == 1


def test_one_bad_part_does_not_spoil_the_other(fake_wechat, client):
    info = {**fake_wechat.user_info("alice", real=True), "signature": "0" * 40}
    body = log_in(client, fake_wechat, "alice", **info).json()
    assert body["warnings"] == [undecryptable("rawData")]
    assert body["user"]["nickname"] == "小爱"


def test_the_number_of_another_is_a_warning_and_changes_nothing(fake_wechat, alice, bob):
    bob.post("me/phone/", bob.fake.phone_data("bob"))
    number = {"phoneNumber": "13800138002", "purePhoneNumber": "13800138002", "countryCode": "86"}
    body = alice.log_in(**alice.encrypt(number))
    assert body["warnings"] == [{"field": "encryptedData", "code": "conflict", "action": "stop"}]
    assert body["user"]["phone"] is None
    assert bob.me()["phone"] == "+8613800138002"


@pytest.mark.parametrize("missing", ["encryptedData", "iv", "rawData", "signature"])
def test_half_of_a_pair_is_refused_before_the_code_is_spent(fake_wechat, client, missing):
    info = fake_wechat.user_info("alice")
    del info[missing]
    assert_error(log_in(client, fake_wechat, "alice", **info), "invalid_request", field=missing)
    assert fake_wechat.calls == []


def test_a_unionid_in_decrypted_data_selects_nobody(fake_wechat, client, alice):
    """Only a unionid that WeChat told this server counts."""
    fake_wechat.add_person("eve", unionid=None)
    unionid = fake_wechat.person("alice").unionid("default")
    data = fake_wechat.encrypt({"nickName": "eve", "unionId": unionid}, "eve")
    body = log_in(client, fake_wechat, "eve", **data).json()
    assert body["created"] is True
    assert body["user"]["id"] != alice.me()["id"]
    eve = OpenId.objects.get(openid=fake_wechat.person("eve").openid(APP_ONE))
    assert eve.identity.unionid is None
    assert Identity.objects.get(unionid=unionid).person_id == alice.row.pk


def test_data_that_comes_with_a_refused_login_is_not_taken_in(fake_wechat, client):
    info = fake_wechat.user_info("alice", real=True)
    log_in(client, fake_wechat, "alice")
    answer = call(client, "POST", "login/", {"code": "wrong", **info})
    assert_error(answer, "invalid_code")
    assert Person.objects.get().nickname == ""
