from __future__ import annotations

import re
import threading

import pytest

from wxauth.testing import FakeWeChat, Unknown

from .conftest import APPID, OTHER, SECRET

PATH = "/sns/jscode2session"


def ask(fake, code="", **changes):
    params = {
        "appid": APPID,
        "secret": SECRET,
        "js_code": code,
        "grant_type": "authorization_code",
        **changes,
    }
    return fake.answer(PATH, {name: value for name, value in params.items() if value is not None})


def test_alice_logs_in_and_the_answer_has_no_errcode(fake):
    answer = ask(fake, fake.login_code("alice"))
    assert answer == {
        "openid": fake.person("alice").openid(APPID),
        "session_key": fake.session_key("alice"),
        "unionid": fake.person("alice").unionid("default"),
    }
    assert re.fullmatch(r"o[A-Za-z0-9_-]{27}", answer["openid"])
    assert re.fullmatch(r"o[A-Za-z0-9_-]{27}", answer["unionid"])
    assert re.fullmatch(r"[A-Za-z0-9+/]{22}==", answer["session_key"])


def test_every_wrong_thing_has_its_errcode_and_the_first_in_order_wins(fake):
    # Each step mends what the one before it complained about, all later things staying wrong.
    wrong = {"appid": None, "secret": None, "js_code": None, "grant_type": "client_credential"}
    steps = [
        ({}, 41002),
        ({"appid": "wx3333333333333333"}, 40013),
        ({"appid": APPID}, 41004),
        ({"secret": ""}, 41004),
        ({"secret": "of another app"}, 40125),
        ({"secret": SECRET}, 41008),
        ({"js_code": ""}, 41008),
        ({"js_code": "made up"}, 40002),
        ({"grant_type": "authorization_code"}, 40029),
    ]
    seen = []
    for mended, _ in steps:
        wrong.update(mended)
        seen.append(ask(fake, **wrong)["errcode"])
    assert seen == [errcode for _, errcode in steps]


def test_a_refusal_has_todays_errmsg_with_a_rid(fake):
    answer = ask(fake, "made up")
    assert set(answer) == {"errcode", "errmsg"}
    pattern = r"invalid code, rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}"
    assert re.fullmatch(pattern, answer["errmsg"])


def test_a_path_that_wechat_does_not_have_is_an_errcode_too(fake):
    assert fake.answer("/sns/jscode2sesion", {})["errcode"] == 40066


def test_a_code_is_used_once(fake):
    code = fake.login_code("alice")
    assert "openid" in ask(fake, code)
    assert ask(fake, code)["errcode"] == 40163


def test_a_refused_request_does_not_use_the_code(fake):
    code = fake.login_code("alice")
    assert ask(fake, code, secret="wrong")["errcode"] == 40125
    assert ask(fake, code, appid=OTHER)["errcode"] == 40029
    assert "openid" in ask(fake, code)


@pytest.mark.parametrize(("later", "good"), [(299, True), (300, False)])
def test_a_code_lives_five_minutes(fake, later, good):
    fake.clock = lambda: 1_700_000_000
    code = fake.login_code("alice")
    fake.clock = lambda: 1_700_000_000 + later
    answer = ask(fake, code)
    assert "openid" in answer if good else answer["errcode"] == 40029


def test_of_sixteen_threads_with_one_code_exactly_one_wins(fake):
    code, barrier, answers = fake.login_code("alice"), threading.Barrier(16), []
    inside, overlaps = [], []

    def clock():
        # Asked between the look at the code and its use: nobody else may be there meanwhile.
        inside.append(None)
        threading.Event().wait(0.001)
        overlaps.extend(inside[1:])
        inside.pop()
        return 0

    def exchange():
        barrier.wait()
        answers.append(ask(fake, code))

    fake.clock = clock
    threads = [threading.Thread(target=exchange) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.get("errcode", 0) for a in answers) == [0] + [40163] * 15
    assert overlaps == []


@pytest.mark.parametrize("errcode", [40226, 50002])
def test_wechat_blocks_eve(fake, errcode):
    fake.person("eve").refusal = errcode
    assert ask(fake, fake.login_code("eve"))["errcode"] == errcode
    assert "openid" in ask(fake, fake.login_code("alice"))


def test_alice_is_one_unionid_and_two_openids_in_two_apps(fake):
    one = ask(fake, fake.login_code("alice", APPID))
    two = ask(fake, fake.login_code("alice", OTHER), appid=OTHER)
    assert one["openid"] != two["openid"]
    assert one["unionid"] == two["unionid"]
    assert one["session_key"] != two["session_key"]
    assert ask(fake, fake.login_code("bob"))["unionid"] != one["unionid"]


def test_without_a_platform_there_is_no_unionid_and_it_comes_with_the_binding(fake):
    fake.add_app(APPID, SECRET, platform=None)
    assert "unionid" not in ask(fake, fake.login_code("alice"))
    fake.add_app(APPID, SECRET, platform="shop")
    assert ask(fake, fake.login_code("alice"))["unionid"] == fake.person("alice").unionid("shop")
    fake.person("alice").unionids["shop"] = None
    assert "unionid" not in ask(fake, fake.login_code("alice"))


def test_ids_are_the_same_in_every_fake(fake):
    again = FakeWeChat(any_app=True)
    assert again.person("alice").openid(APPID) == fake.person("alice").openid(APPID)


def test_a_login_keeps_the_session_key_unless_rotation_is_on(fake):
    first = ask(fake, fake.login_code("alice"))["session_key"]
    assert ask(fake, fake.login_code("alice"))["session_key"] == first
    fake.rotate = True
    code = fake.login_code("alice")
    assert fake.session_key("alice") != first  # wx.login() alone replaced it
    assert ask(fake, code)["session_key"] == fake.session_key("alice")


def test_a_session_key_can_be_replaced_or_chosen(fake):
    first = fake.session_key("alice")
    assert fake.rotate_session_key("alice") == fake.session_key("alice") != first
    fake.set_session_key("tiihtNczf5v6AKRyjwEUhQ==", "alice")
    assert ask(fake, fake.login_code("alice"))["session_key"] == "tiihtNczf5v6AKRyjwEUhQ=="
    for bad in ("", "AAAA", "tiihtNczf5v6AKRyjwEUhQ=!"):
        with pytest.raises(ValueError, match="16 bytes") as caught:
            fake.set_session_key(bad, "alice")
        assert not bad or bad not in str(caught.value)


def test_people_have_chosen_ids_and_nobody_takes_another_ones_openid(fake):
    carol = fake.add_person("carol", appid=APPID, openid="oCarol", unionid="oUnion")
    answer = ask(fake, fake.login_code(carol))
    assert (answer["openid"], answer["unionid"]) == ("oCarol", "oUnion")
    assert fake.person_of("oCarol", APPID) is carol
    assert fake.person_of(fake.person("bob").openid(APPID)).name == "bob"
    with pytest.raises(ValueError, match="somebody else"):
        fake.add_person("eve", appid=APPID, openid="oCarol", phone="13800138009")
    assert fake.person("eve").phone == "13800138003"
    assert fake.add_person("eve", appid=OTHER, openid="oCarol").openid(OTHER) == "oCarol"
    fake.add_person("carol", appid=APPID, openid="oNew")
    assert fake.add_person("eve", appid=APPID, openid="oCarol") is fake.person_of("oCarol", APPID)


def test_what_does_not_exist_is_said(fake):
    for attempt in (
        lambda: fake.login_code("nobody"),
        lambda: fake.login_code("alice", "wx3333333333333333"),
        lambda: fake.person_of("oNobody"),
    ):
        with pytest.raises(Unknown, match=r"nobody|wx3333333333333333|oNobody"):
            attempt()


def test_in_the_sandbox_any_app_and_any_code_are_good_but_its_own_codes_are_used_once():
    fake = FakeWeChat(any_app=True, any_code=True)
    mock = {"appid": "wxanything", "secret": "sandbox"}
    person = fake.person().openid("wxanything")
    for _ in range(2):
        assert ask(fake, "the code is a mock one", **mock)["openid"] == person
    assert ask(fake, "the code is a mock one", **{**mock, "secret": "x"})["errcode"] == 40125
    code = fake.login_code("alice", "wxanything")
    assert ask(fake, code, **{**mock, "appid": "wxelse"})["errcode"] == 40029
    assert ask(fake, code, **mock)["openid"] == fake.person("alice").openid("wxanything")
    assert ask(fake, code, **mock)["errcode"] == 40163


def test_an_app_that_was_added_keeps_its_own_secret_in_the_sandbox():
    fake = FakeWeChat(any_app=True, any_code=True)
    fake.add_app(APPID, SECRET)
    assert ask(fake, "x", secret="sandbox")["errcode"] == 40125
    assert "openid" in ask(fake, "x")


def test_nothing_secret_shows_in_a_repr(fake):
    shown = repr([fake.person("alice"), fake._apps])
    assert "13800138001" not in shown
    assert SECRET not in shown
