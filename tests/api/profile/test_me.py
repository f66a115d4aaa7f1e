"""me/, me/userinfo/: the caller and the profile."""

from __future__ import annotations

import pytest

from tests.api.contract import assert_error
from tests.api.phone import APP_ONE

pytestmark = pytest.mark.django_db


def test_me_is_the_user_object(alice):
    me = alice.me()
    assert set(me) == {"id", "nickname", "avatar", "phone", "created_at", "deletion_due_at"}
    assert me["id"] == str(alice.row.pk)
    assert isinstance(me["id"], str)


# -- nickname ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "nickname",
    [
        "alice",
        "小爱同学",
        "😀",
        "👨‍👩‍👧‍👦",
        "🏳️‍🌈 and 🇨🇳",
        "𠮷野家",
        "é",
        "e\u0301",
        "عربى",
        "\ue415",
        "a\u200bb",
        "<script>alert(1)</script>",
        "Robert'); DROP TABLE users_user;--",
        "%s {0} \\u0041",
        "微信用户2",
        "x" * 64,
        "字" * 64,
        "😀" * 64,
    ],
    ids=lambda text: ascii(text)[:24],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_nickname_is_kept_as_it_was_typed(alice, method, nickname):
    answer = alice.call(method, "me/", {"nickname": nickname})
    assert answer.status_code == 200, answer.content
    assert answer.json()["nickname"] == nickname
    assert alice.me()["nickname"] == nickname
    assert alice.row.nickname_appid == APP_ONE


@pytest.mark.parametrize("around", [" alice ", "\u3000alice\n", "\talice"])
def test_blanks_around_a_nickname_are_no_part_of_it(alice, around):
    assert alice.post("me/", {"nickname": around}).json()["nickname"] == "alice"


@pytest.mark.parametrize(
    "nickname",
    [
        "",
        " ",
        "\u3000 \n",
        "x" * 65,
        "😀" * 65,
        "x" * 3_000,
        "微信用户",
        " 微信用户 ",
        "NUL\0",
        "bell\x07",
        "tab\there",
        "line\nbreak",
        "escape\x1b[31m",
        "delete\x7f",
        "C1\x85\x9b",
        "\u202eecila",
        "a\u2066b",
        "a\u200fb",
        "line\u2028separator",
    ],
    ids=lambda text: ascii(text)[:24],
)
def test_what_is_no_name_is_refused_and_changes_nothing(alice, nickname):
    alice.post("me/", {"nickname": "alice"})
    assert_error(alice.post("me/", {"nickname": nickname}), "invalid_request", field="nickname")
    assert alice.me()["nickname"] == "alice"


def test_one_persons_nickname_is_nobody_elses(alice, bob):
    alice.post("me/", {"nickname": "same"})
    bob.post("me/", {"nickname": "same"})
    alice.post("me/", {"nickname": "alice"})
    assert (alice.me()["nickname"], bob.me()["nickname"]) == ("alice", "same")


def test_both_apps_show_one_person(alice, alice_in_two):
    alice.post("me/", {"nickname": "alice"})
    assert alice_in_two.me() == alice.me()


# -- userinfo ----------------------------------------------------------------------------------


def test_user_info_fills_in_the_profile(alice):
    alice.fake.add_person("alice", avatar_url="https://thirdwx.qlogo.cn/mmopen/a/132")
    me = alice.post("me/userinfo/", alice.user_info(real=True)).json()
    assert me == alice.me()
    assert me["nickname"] == "小爱"
    assert me["avatar"] == "https://thirdwx.qlogo.cn/mmopen/a/132"


def test_user_info_needs_no_signature(alice):
    info = alice.user_info(real=True)
    del info["rawData"], info["signature"]
    assert alice.post("me/userinfo/", info).json()["nickname"] == "小爱"


def test_an_anonymous_profile_leaves_what_the_person_typed(alice):
    alice.post("me/", {"nickname": "alice"})
    answer = alice.post("me/userinfo/", alice.user_info())
    assert answer.status_code == 200
    assert answer.json()["nickname"] == "alice"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "//evil.example/x",
        "ftp://evil.example/x",
        "https://evil.example/\nSet-Cookie: x",
        "https://例子/x",
        "https://evil.example/" + "x" * 1024,
        "",
        5,
        None,
        ["https://evil.example/"],
    ],
    ids=lambda url: ascii(url)[:24],
)
def test_a_picture_that_is_no_web_address_is_not_kept(alice, url):
    data = alice.encrypt({"nickName": "alice", "avatarUrl": url})
    me = alice.post("me/userinfo/", data).json()
    assert (me["nickname"], me["avatar"]) == ("alice", None)


def test_control_characters_of_an_old_nickname_are_left_out(alice):
    data = alice.encrypt({"nickName": " a\x00l\u202eice\n" + "x" * 100})
    assert alice.post("me/userinfo/", data).json()["nickname"] == "alice" + "x" * 59
