"""Data from the phone: opened with the login's session_key, kept where it is good."""

from __future__ import annotations

import hashlib
import logging
import time

import pytest

from tests.rows import ONE, TWO
from wxauth.crypto.keyring import generate_key
from wxauth.exceptions import Conflict, InvalidRequest, SessionKeyMissing, Undecryptable
from wxauth.models import Login, Person
from wxauth.services.data import opening
from wxauth.services.login.by_code import log_in
from wxauth.services.login.exchange import get_app
from wxauth.services.profile import phone, user_info
from wxauth.types import Secret

pytestmark = pytest.mark.django_db


@pytest.fixture
def enter(fake_wechat):
    def enter(name="alice", appid=ONE):
        return log_in(app=get_app(appid), code=Secret(fake_wechat.login_code(name, appid))).login

    return enter


def opened(login, sent):
    return opening.open_data(login=login, encrypted_data=sent["encryptedData"], iv=sent["iv"])


def stored(login):
    return Person.objects.get(pk=login.person_id)


# -- opening -----------------------------------------------------------------------------------


def test_data_of_the_person_in_this_app_is_opened(enter, fake_wechat):
    login = enter()
    data = opened(login, fake_wechat.werun_data("alice", step=7))
    assert {day["step"] for day in data["stepInfoList"]} == {7}
    assert opened(login, fake_wechat.user_info("alice"))["openId"] == login.openid


def sign(fake, raw_data):
    signature = hashlib.sha1((raw_data + fake.session_key("alice")).encode()).hexdigest()
    return {"raw_data": raw_data, "signature": signature}


@pytest.mark.parametrize("value", ["NaN", "1e999", '"\\ud800"', "[" * 20 + "]" * 20])
def test_signed_data_is_read_as_strictly_as_encrypted_data(enter, fake_wechat, value):
    login = enter()
    assert opening.open_raw_data(login=login, **sign(fake_wechat, '{"nickName": "A\x01"}'))
    with pytest.raises(Undecryptable):
        opening.open_raw_data(login=login, **sign(fake_wechat, f'{{"nickName": {value}}}'))


def unacceptable(fake):
    now = int(time.time())
    mark = {"timestamp": now, "appid": ONE}
    alice = {"openId": fake.person("alice").openid(ONE), "nickName": "A"}
    yield "somebody else's key", fake.werun_data("bob")
    yield "another app", fake.encrypt({"watermark": {**mark, "appid": TWO}}, "alice")
    yield "too old", fake.encrypt({"watermark": {**mark, "timestamp": now - 400}}, "alice")
    yield "from the future", fake.encrypt({"watermark": {**mark, "timestamp": now + 400}}, "alice")
    yield "no watermark", fake.encrypt({"steps": 1}, "alice", watermark=False)
    yield "somebody else's openId", fake.encrypt({**alice, "openId": "o-eve"}, "alice")
    yield "an openId that is none", fake.encrypt({**alice, "openId": None}, "alice")
    yield "no object", fake.encrypt(b"[1]", "alice")
    yield "no base64", {"encryptedData": "?", "iv": "?"}


def test_everything_unacceptable_is_refused_in_the_same_words(enter, fake_wechat):
    login, said = enter(), set()
    for what, sent in unacceptable(fake_wechat):
        with pytest.raises(Undecryptable) as raised:
            opened(login, sent)
        said.add(str(raised.value))
        assert raised.value.__context__ is None, what
    assert len(said) == 1


def test_data_about_a_person_needs_its_watermark_always(enter, fake_wechat, settings):
    settings.WXAUTH = {**settings.WXAUTH, "REQUIRE_WATERMARK": False}
    login = enter()
    assert opened(login, fake_wechat.encrypt({"steps": 1}, "alice", watermark=False))
    openid = login.openid
    for key, value in (
        ("openId", openid), ("nickName", "A"), ("purePhoneNumber", "1"), ("phoneNumber", "1"),
    ):  # fmt: skip
        with pytest.raises(Undecryptable):
            opened(login, fake_wechat.encrypt({key: value}, "alice", watermark=False))


def test_raw_data_is_what_was_signed(enter, fake_wechat):
    login, info = enter(), fake_wechat.user_info("alice", real=True)
    signed = {"raw_data": info["rawData"], "signature": info["signature"]}
    assert opening.open_raw_data(login=login, **signed)["nickName"] == "小爱"
    for wrong in ({"raw_data": info["rawData"] + " "}, {"signature": "0" * 40}, {"signature": "é"}):
        with pytest.raises(Undecryptable):
            opening.open_raw_data(login=login, **{**signed, **wrong})


def test_an_ended_login_has_no_session_key(enter, fake_wechat):
    login = enter()
    Login.objects.filter(pk=login.pk).revoke(login.created_at)
    login.refresh_from_db()
    with pytest.raises(SessionKeyMissing):
        opened(login, fake_wechat.werun_data("alice"))


def test_a_lost_encryption_key_is_told_to_the_operator_alone(enter, fake_wechat, settings, caplog):
    login = enter()
    sent = fake_wechat.phone_data("alice")
    phone.take_encrypted(login=login, encrypted_data=sent["encryptedData"], iv=sent["iv"])
    settings.WXAUTH = {**settings.WXAUTH, "ENCRYPTION_KEYS": [generate_key()]}
    with caplog.at_level(logging.ERROR, "wxauth"):
        with pytest.raises(SessionKeyMissing) as raised:
            opened(login, fake_wechat.werun_data("alice"))
        assert phone.read(stored(login)) is None
    assert raised.value.__context__ is None
    assert len(caplog.records) == 2
    assert "13800138001" not in caplog.text


# -- phone -------------------------------------------------------------------------------------


def take(login, sent):
    phone.take_encrypted(login=login, encrypted_data=sent["encryptedData"], iv=sent["iv"])


def test_a_number_is_kept_sealed_and_can_be_replaced(enter, fake_wechat):
    login = enter()
    take(login, fake_wechat.phone_data("alice"))
    assert (
        phone.read(stored(login)).reveal() == phone.read(login.person).reveal() == "+8613800138001"
    )
    row = str(Person.objects.filter(pk=login.person_id).values().get())
    assert "13800138001" not in row
    fake_wechat.add_person("alice", phone="5551234", country_code="1")
    take(login, fake_wechat.phone_data("alice"))
    assert phone.read(stored(login)).reveal() == "+15551234"
    assert stored(login).phone_appid == ONE


def test_a_number_belongs_to_one_person(enter, fake_wechat):
    alice, bob = enter("alice"), enter("bob")
    take(alice, fake_wechat.phone_data("alice"))
    fake_wechat.add_person("bob", phone="13800138001")
    with pytest.raises(Conflict):
        take(bob, fake_wechat.phone_data("bob"))
    assert phone.read(stored(bob)) is None
    take(alice, fake_wechat.phone_data("alice"))  # Her own, once more.
    fake_wechat.add_person("alice", phone="13800138009")
    take(alice, fake_wechat.phone_data("alice"))
    take(bob, fake_wechat.phone_data("bob"))  # Free now.
    assert phone.read(stored(bob)).reveal() == "+8613800138001"


@pytest.mark.parametrize(
    ("info", "number"),
    [
        ({"countryCode": "86", "purePhoneNumber": "13800138001"}, "+8613800138001"),
        ({"countryCode": 86, "purePhoneNumber": "13800138001"}, "+8613800138001"),
        ({"countryCode": "", "purePhoneNumber": "13800138001"}, None),
        ({"countryCode": "86", "purePhoneNumber": 13800138001}, None),
        ({"countryCode": True, "purePhoneNumber": "13800138001"}, None),
        ({"countryCode": "", "purePhoneNumber": "013800138001"}, None),
        ({"countryCode": "86", "purePhoneNumber": "138 0013 8001"}, None),
        ({"countryCode": "86", "purePhoneNumber": "１３８００１３８００１"}, None),
        ({"countryCode": "86", "purePhoneNumber": "13800138001\n"}, None),
        ({"countryCode": "86", "purePhoneNumber": "1" * 14}, None),
        ({"phoneNumber": "13800138001"}, None),
        ({}, None),
    ],
)
def test_a_number_is_e164_or_none(info, number):
    found = phone.get_number(info)
    assert (found and found.reveal()) == number


def test_the_same_last_four_digits_have_the_same_tail(enter, fake_wechat):
    for name, number in (("alice", "13900138001"), ("bob", "13800138001"), ("eve", "13800138002")):
        fake_wechat.add_person(name, phone=number)
        take(enter(name), fake_wechat.phone_data(name))
    tails = list(Person.objects.order_by("pk").values_list("phone_tail", flat=True))
    assert tails[0] == tails[1] != tails[2]
    assert Person.objects.values("phone_hash").distinct().count() == 3


def test_user_info_is_no_phone_number(enter, fake_wechat):
    login = enter()
    with pytest.raises(Undecryptable):
        take(login, fake_wechat.user_info("alice"))


# -- profile -----------------------------------------------------------------------------------


def give(login, sent):
    user_info.take_user_info(
        login=login, encrypted_data=sent["encryptedData"], iv=sent["iv"],
        raw_data=sent.get("rawData"), signature=sent.get("signature"),
    )  # fmt: skip


def test_a_real_profile_is_kept_and_an_anonymous_one_overwrites_nothing(enter, fake_wechat):
    login = enter()
    fake_wechat.add_person("alice", avatar_url="https://thirdwx.qlogo.cn/alice/132")
    give(login, fake_wechat.user_info("alice", real=True))
    expected = ("小爱", ONE, "https://thirdwx.qlogo.cn/alice/132", ONE)
    for _ in range(2):
        kept = stored(login)
        assert expected == (
            kept.nickname, kept.nickname_appid, kept.avatar_url, kept.avatar_appid,
        )  # fmt: skip
        assert login.person.nickname == "小爱"
        give(login, fake_wechat.user_info("alice"))


def test_a_wrong_signature_spoils_good_data(enter, fake_wechat):
    login, info = enter(), fake_wechat.user_info("alice", real=True)
    with pytest.raises(Undecryptable):
        give(login, {**info, "signature": "0" * 40})
    with pytest.raises(Undecryptable):
        give(login, fake_wechat.phone_data("alice"))
    assert stored(login).nickname == ""


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "ftp://x/y",
        "https://x/\u00e9",
        "https://x/ \n",
        "https://" + "x" * 1024,
    ],
)
def test_an_address_of_an_avatar_that_is_none_is_not_kept(enter, fake_wechat, url):
    login = enter()
    give(login, fake_wechat.encrypt({"nickName": "A", "avatarUrl": url}, "alice"))
    assert (stored(login).nickname, stored(login).avatar_url) == ("A", "")


@pytest.mark.parametrize(
    ("typed", "kept"), [(" 小爱 ", "小爱"), ("é" * 64, "é" * 64), ("👩‍💻", "👩‍💻")]
)
def test_a_typed_nickname_is_kept(enter, typed, kept):
    login = enter()
    user_info.set_nickname(login=login, nickname=typed)
    assert stored(login).nickname == login.person.nickname == kept


@pytest.mark.parametrize(
    "typed", ["", "  ", "x" * 65, "微信用户", "a\nb", "a\0b", "a\u202eb", "a\u2066b", "\ud800"]
)
def test_a_typed_nickname_that_is_none_is_refused(enter, typed):
    login = enter()
    with pytest.raises(InvalidRequest) as raised:
        user_info.set_nickname(login=login, nickname=typed)
    assert raised.value.field == "nickname"
    assert stored(login).nickname == ""


def test_a_nickname_of_wechat_is_cleaned_and_cut(enter, fake_wechat):
    login = enter()
    give(login, fake_wechat.encrypt({"nickName": " a\u202e\nb" + "c" * 99}, "alice"))
    assert stored(login).nickname == "ab" + "c" * 62
