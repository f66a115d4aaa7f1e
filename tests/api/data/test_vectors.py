"""WeChat's published test data, and what was built on it, through HTTP."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.api.contract import assert_error
from tests.api.phone import Phone, bearer

pytestmark = pytest.mark.django_db

VECTORS = {
    row["name"]: row
    for row in json.loads(
        (Path(__file__).parents[2] / "crypto" / "vectors.json").read_text("utf-8")
    )
}
DEMO = VECTORS["wxbizdatacrypt_official_userinfo"]
PLAINTEXT = json.loads(DEMO["expected"]["plaintext_utf8"])


def of_kind(kind: str) -> list[str]:
    return [name for name, row in VECTORS.items() if row["kind"] == kind]


@pytest.fixture
def phone_with(fake_wechat, configure, settings):
    """A phone in this app, whose person has this session_key (and openid)."""

    def make(appid: str, session_key: str, openid: str | None = None) -> Phone:
        apps = {**settings.WXAUTH["APPS"], appid: {"SECRET": "secret"}}
        configure(APPS=apps, DATA_MAX_AGE=0)
        fake_wechat.add_app(appid, "secret")
        fake_wechat.add_person("alice", appid=appid, session_key=session_key, openid=openid)
        return Phone(fake_wechat, "alice", appid)

    return make


def data_of(row: dict[str, Any]) -> dict[str, str]:
    return {"encryptedData": row["inputs"]["encrypted_data"], "iv": row["inputs"]["iv"]}


def without_ids(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in ("openId", "unionId")}


@pytest.fixture
def demo_phone(phone_with):
    """WeChat's demo: its app, its person, its session_key."""
    inputs = DEMO["inputs"]
    return phone_with(inputs["appid"], inputs["session_key"], PLAINTEXT["openId"])


def test_wechats_demo_is_taken_in(demo_phone):
    me = demo_phone.post("me/userinfo/", data_of(DEMO)).json()
    assert (me["nickname"], me["avatar"]) == ("Band", PLAINTEXT["avatarUrl"])


def test_wechats_demo_is_read_whole_but_for_the_ids(demo_phone):
    answer = demo_phone.post("decrypt/", data_of(DEMO))
    assert answer.json() == {"data": without_ids(PLAINTEXT)}


def test_wechats_demo_is_refused_as_long_as_age_counts(demo_phone, configure):
    configure(DATA_MAX_AGE=300)
    assert_error(demo_phone.post("me/userinfo/", data_of(DEMO)), "undecryptable")


def test_wechats_demo_is_refused_for_another_person(phone_with):
    phone = phone_with(DEMO["inputs"]["appid"], DEMO["inputs"]["session_key"])
    assert_error(phone.post("me/userinfo/", data_of(DEMO)), "undecryptable")


def test_wechats_signature_goes_through_a_login(phone_with):
    row = VECTORS["rawdata_signature_official"]
    phone = phone_with("wx0123456789abcdef", row["inputs"]["session_key"])
    body = phone.log_in(rawData=row["inputs"]["raw_data"], signature=row["expected"]["signature"])
    assert body["warnings"] == []
    assert body["user"]["nickname"] == "Band"


def test_wechats_signature_is_refused_for_another_text(phone_with):
    row = VECTORS["rawdata_signature_official"]
    phone = phone_with("wx0123456789abcdef", row["inputs"]["session_key"])
    body = phone.log_in(
        rawData=row["inputs"]["raw_data"].replace("Band", "band"),
        signature=row["expected"]["signature"],
    )
    assert [warning["field"] for warning in body["warnings"]] == ["rawData"]
    assert body["user"]["nickname"] is None


@pytest.mark.parametrize(
    "name", [n for n in of_kind("encrypted_data") if "json" in VECTORS[n]["expected"]]
)
def test_data_that_can_be_read(phone_with, name):
    row = VECTORS[name]
    expected = row["expected"]["json"]
    inputs = row["inputs"]
    phone = phone_with(inputs["appid"], inputs["session_key"], expected.get("openId"))
    answer = phone.post("decrypt/", data_of(row))
    assert answer.status_code == 200, answer.content
    assert answer.json() == {"data": without_ids(expected)}


@pytest.mark.parametrize(
    "name", of_kind("encrypted_data_negative") + of_kind("encrypted_data_malleability")
)
def test_data_that_cannot(phone_with, name):
    row = VECTORS[name]
    appid = row["inputs"].get("appid", DEMO["inputs"]["appid"])
    phone = phone_with(appid, row["inputs"]["session_key"])
    for endpoint in ("me/userinfo/", "me/phone/", "decrypt/"):
        if row["kind"] == "encrypted_data_malleability" and endpoint != "me/phone/":
            continue  # The next test's.
        assert_error(phone.post(endpoint, data_of(row)), "undecryptable")


def test_a_bit_that_was_flipped_in_the_iv_changes_nobodys_identity(phone_with):
    """CBC does not notice: the data is read, and whose it is was known before."""
    row = VECTORS["synthetic_iv_bitflip_goes_unnoticed"]
    phone = phone_with(DEMO["inputs"]["appid"], row["inputs"]["session_key"])
    before = phone.me()
    answer = phone.post("me/userinfo/", data_of(row))
    assert answer.status_code == 200
    assert answer.json()["id"] == before["id"]


@pytest.mark.django_db(transaction=True)
def test_wechats_demo_goes_through_a_running_server(demo_phone, live_server):
    def ask(path: str, body: dict[str, str], token: str) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{live_server.url}/api/wxauth/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", **bearer(token)},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    code = demo_phone.fake.login_code("alice", demo_phone.appid)
    token = ask("login/", {"code": code, "appid": demo_phone.appid}, "")["token"]
    assert ask("me/userinfo/", data_of(DEMO), token)["nickname"] == "Band"
    assert ask("decrypt/", data_of(DEMO), token) == {"data": without_ids(PLAINTEXT)}
