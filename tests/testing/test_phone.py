from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from Crypto.Cipher import AES

from .conftest import APPID, OTHER

VECTORS = {
    row["name"]: row for row in json.loads(Path(__file__).with_name("vectors.json").read_bytes())
}


def decrypt(fake, sent, person, appid=APPID):
    key, iv = (base64.b64decode(t) for t in (fake.session_key(person, appid), sent["iv"]))
    data = AES.new(key, AES.MODE_CBC, iv=iv).decrypt(base64.b64decode(sent["encryptedData"]))
    assert set(data[-data[-1] :]) == {data[-1]}
    return json.loads(data[: -data[-1]])


@pytest.mark.parametrize(
    "name", ["wxbizdatacrypt_official_userinfo", "synthetic_phone", "synthetic_werun"]
)
def test_the_same_key_and_iv_give_wechats_own_ciphertext(fake, name):
    given, expected = VECTORS[name]["inputs"], VECTORS[name]["expected"]
    iv = base64.b64decode(given["iv"])
    sent = fake.encrypt(expected["json"], "alice", session_key=given["session_key"], iv=iv)
    assert sent == {"encryptedData": given["encrypted_data"], "iv": given["iv"]}


def test_the_signature_is_wechats_own(fake):
    from wxauth.testing import cipher

    given = VECTORS["rawdata_signature_official"]
    signature = cipher.sign(given["inputs"]["raw_data"], given["inputs"]["session_key"])
    assert signature == given["expected"]["signature"]


def test_the_watermark_is_of_this_app_and_moment_unless_told_otherwise(fake):
    fake.clock = lambda: 1_700_000_000.9
    sent = fake.encrypt({"a": "中"}, "alice", OTHER)
    mark = {"timestamp": 1_700_000_000, "appid": OTHER}
    assert decrypt(fake, sent, "alice", OTHER) == {"a": "中", "watermark": mark}
    sent = fake.encrypt({"a": 1}, "alice", watermark=False)
    assert decrypt(fake, sent, "alice") == {"a": 1}
    sent = fake.encrypt({"watermark": {"appid": "x"}}, "alice")
    assert decrypt(fake, sent, "alice") == {"watermark": {"appid": "x"}}
    assert decrypt(fake, fake.encrypt(b"[1]", "alice"), "alice") == [1]


def test_two_encryptions_differ(fake):
    assert fake.encrypt({}, "alice")["iv"] != fake.encrypt({}, "alice")["iv"]


def test_user_info_is_anonymous_today_and_signed(fake):
    sent = fake.user_info("alice")
    assert set(sent) == {"rawData", "signature", "encryptedData", "iv"}
    signed = (sent["rawData"] + fake.session_key("alice")).encode()
    assert sent["signature"] == hashlib.sha1(signed).hexdigest()
    raw, data = json.loads(sent["rawData"]), decrypt(fake, sent, "alice")
    assert (raw["nickName"], raw["gender"], raw["city"]) == ("微信用户", 0, "")
    assert data.items() >= raw.items()
    assert data["openId"] == fake.person("alice").openid(APPID)
    assert data["unionId"] == fake.person("alice").unionid("default")
    assert data["watermark"]["appid"] == APPID


def test_an_old_base_library_tells_the_nickname(fake):
    fake.add_person("alice", avatar_url="https://wx.example/a")
    fake.add_app(APPID, "s", platform=None)
    data = decrypt(fake, fake.user_info("alice", real=True), "alice")
    assert (data["nickName"], data["avatarUrl"]) == ("小爱", "https://wx.example/a")
    assert "unionId" not in data


def test_a_phone_number_at_home_and_abroad(fake):
    data = decrypt(fake, fake.phone_data("alice"), "alice")
    del data["watermark"]
    assert data == {
        "phoneNumber": "13800138001",
        "purePhoneNumber": "13800138001",
        "countryCode": "86",
    }
    carol = fake.add_person("carol", phone="51230000", country_code="852")
    data = decrypt(fake, fake.phone_data(carol), carol)
    assert (data["phoneNumber"], data["purePhoneNumber"]) == ("85251230000", "51230000")
    with pytest.raises(ValueError, match="dave has no phone"):
        fake.phone_data(fake.add_person("dave"))


def test_the_steps_of_31_days(fake):
    fake.clock = lambda: 1_700_000_000
    steps = decrypt(fake, fake.werun_data("alice", step=7), "alice")["stepInfoList"]
    assert len(steps) == 31
    assert steps[-1] == {"timestamp": 1_700_000_000, "step": 7}


def test_data_from_before_a_rotation_needs_the_former_key(fake):
    former = fake.session_key("alice")
    sent = fake.encrypt({"a": 1}, "alice")
    fake.rotate_session_key("alice")
    fake.set_session_key(former, "alice")
    assert decrypt(fake, sent, "alice")["a"] == 1
