from __future__ import annotations

import pytest

from wxauth.testing import FakeWeChat

from .conftest import APPID, SECRET

MOBILE, SITE, ACCOUNT = "wx4444444444444444", "wx5555555555555555", "wx6666666666666666"
TOKEN_PATH, INFO_PATH = "/sns/oauth2/access_token", "/sns/userinfo"


@pytest.fixture
def doors(fake: FakeWeChat) -> FakeWeChat:
    fake.add_app(MOBILE, SECRET, kind="mobileapp")
    fake.add_app(SITE, SECRET, kind="website")
    fake.add_app(ACCOUNT, SECRET, kind="officialaccount")
    return fake


def exchange(fake, code="", appid=MOBILE, **changes):
    params = {"appid": appid, "secret": SECRET, "code": code, "grant_type": "authorization_code"}
    return fake.answer(TOKEN_PATH, {**params, **changes})


def show(fake, answer, **changes):
    params = {"access_token": answer["access_token"], "openid": answer["openid"], "lang": "zh_CN"}
    return fake.answer(INFO_PATH, {**params, **changes})


@pytest.mark.parametrize(
    ("appid", "scope"),
    [(MOBILE, "snsapi_userinfo"), (SITE, "snsapi_login"), (ACCOUNT, "snsapi_userinfo")],
)
def test_alice_comes_through_each_kind_of_app(doors, appid, scope):
    answer = exchange(doors, doors.login_code("alice", appid), appid)
    alice = doors.person("alice")
    assert (answer["openid"], answer["unionid"]) == (alice.openid(appid), alice.unionid("default"))
    assert (answer["scope"], answer["expires_in"]) == (scope, 7200)
    assert "session_key" not in answer
    assert "is_snapshotuser" not in answer
    shown = show(doors, answer)
    assert (shown["nickname"], shown["openid"]) == ("小爱", answer["openid"])


def test_a_silent_login_tells_the_openid_and_no_more(doors):
    code = doors.oauth2_code("alice", ACCOUNT, scope="snsapi_base")
    answer = exchange(doors, code, ACCOUNT)
    assert "unionid" not in answer
    assert show(doors, answer)["errcode"] == 48001


def test_every_wrong_thing_has_its_errcode(doors):
    code = doors.oauth2_code("alice", MOBILE)
    for changes, errcode in (
        ({"appid": ""}, 41002),
        ({"appid": "wx9999999999999999"}, 40013),
        ({"secret": ""}, 41004),
        ({"secret": "wrong"}, 40125),
        ({"code": ""}, 41008),
        ({"grant_type": "refresh_token"}, 40002),
        ({"code": "made up"}, 40029),
        ({"appid": SITE}, 40029),
        ({"code": doors.login_code("alice", APPID)}, 40029),
    ):
        assert exchange(doors, **{"code": code, **changes})["errcode"] == errcode, changes
    assert "openid" in exchange(doors, code)
    assert exchange(doors, code)["errcode"] == 40163


def test_a_code_of_an_app_is_none_of_a_mini_programs(doors):
    params = {"secret": SECRET, "grant_type": "authorization_code"}
    code = doors.oauth2_code("alice", MOBILE)
    for appid in (APPID, MOBILE):
        asked = {**params, "appid": appid, "js_code": code}
        assert doors.answer("/sns/jscode2session", asked)["errcode"] == 40029


@pytest.mark.parametrize(("appid", "life"), [(MOBILE, 600), (SITE, 600), (ACCOUNT, 300)])
def test_a_code_lives_as_long_as_its_kind_of_app_says(doors, appid, life):
    now = doors.clock()
    code, late = (doors.oauth2_code("alice", appid) for _ in range(2))
    doors.clock = lambda: now + life - 1
    assert "openid" in exchange(doors, code, appid)
    doors.clock = lambda: now + life + 1
    assert exchange(doors, late, appid)["errcode"] == 40029


def test_the_persons_token_opens_her_own_profile_for_two_hours(doors):
    now = doors.clock()
    alice = exchange(doors, doors.oauth2_code("alice", MOBILE))
    bob = exchange(doors, doors.oauth2_code("bob", MOBILE))
    assert show(doors, alice, openid=bob["openid"])["errcode"] == 40003
    assert show(doors, alice, access_token="made up")["errcode"] == 40001
    assert show(doors, alice, access_token=doors.access_token(APPID).token)["errcode"] == 40001
    assert show(doors, alice, access_token="")["errcode"] == 41001
    doors.clock = lambda: now + 7300
    assert show(doors, alice)["errcode"] == 42001


def test_a_snapshot_shows_a_virtual_person(doors):
    answers = [
        exchange(doors, doors.oauth2_code(name, ACCOUNT, snapshot=True), ACCOUNT)
        for name in ("alice", "bob")
    ]
    alice = doors.person("alice")
    assert [answer["is_snapshotuser"] for answer in answers] == [1, 1]
    assert answers[0]["openid"] not in (alice.openid(ACCOUNT), answers[1]["openid"])
    # One virtual unionid behind several openids, as reported.
    assert answers[0]["unionid"] == answers[1]["unionid"] != alice.unionid("default")
    assert show(doors, answers[0])["errcode"] == 48001


def test_whom_wechat_refuses_it_refuses_here_too(doors):
    code = doors.oauth2_code("alice", MOBILE)
    doors.person("alice").refusal = 50002
    assert exchange(doors, code)["errcode"] == 50002


@pytest.mark.parametrize(
    ("appid", "scope"),
    [(MOBILE, "snsapi_login"), (SITE, "snsapi_base"), (APPID, None), (ACCOUNT, "snsapi_login")],
)
def test_what_wechat_would_not_ask_anybody_is_a_mistake_in_the_test(doors, appid, scope):
    with pytest.raises(ValueError, match=r"mini-program|no snsapi"):
        doors.oauth2_code("alice", appid, scope=scope)
    with pytest.raises(ValueError, match="kind must be"):
        doors.add_app(appid, SECRET, kind="minigame")


def test_a_generous_fake_takes_a_code_that_it_never_made():
    fake = FakeWeChat(any_app=True, any_code=True)
    fake.add_app(MOBILE, "sandbox", kind="mobileapp")
    answer = exchange(fake, "from a real phone", secret="sandbox")
    assert answer["openid"] == fake.person().openid(MOBILE)
    code = fake.login_code("alice", APPID)
    assert exchange(fake, code, secret="sandbox")["errcode"] == 40029
