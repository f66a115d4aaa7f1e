"""A project with an ``openid`` and a ``mobile`` column, and an old login endpoint that stays."""

from __future__ import annotations

import pytest

from tests.api.contract import assert_error, assert_headers

from .phone import APP_ONE, APP_TWO

pytestmark = pytest.mark.hosts


@pytest.fixture
def phone(get_host, new_phone):
    return new_phone(get_host("legacy"))


@pytest.fixture
def add_member(phone):
    """Somebody who was here before wxauth. Returns the key."""

    def add(**columns):
        return phone.host.shell(
            "from members.models import Member\n"
            f"print(Member.objects.create(username={phone.name!r}, **{columns!r}).pk)"
        )

    return add


def old_login(phone):
    code = phone.fake.login_code(phone.name, APP_ONE)
    answer = phone.send("POST", "/wx/login", {"code": code})
    assert "X-Request-ID" not in answer
    return answer.json()


def whoami(phone, authorization):
    return phone.send("GET", "/api/whoami/", authorization=authorization).json()


def test_a_member_is_known_by_the_old_column(phone, add_member):
    key = add_member(openid=phone.fake.person(phone.name).openid(APP_ONE))
    body = phone.log_in()
    assert (body["user"]["id"], body["created"], body["extra"]) == (
        key,
        False,
        {"member": int(key)},
    )


def test_the_old_endpoint_and_ours_know_the_same_person(phone):
    old = old_login(phone)["data"]
    body = phone.log_in()
    assert body["user"]["id"] == str(old["id"])
    assert old_login(phone)["data"] == old
    # Either token opens the project's own view, whatever the other login did.
    mine = {"id": old["id"]}
    assert whoami(phone, f"Token {old['token']}") == mine
    assert whoami(phone, f"Bearer {phone.token}") == mine
    phone.post("logout/all/")
    assert whoami(phone, f"Token {old['token']}") == mine
    assert "detail" in whoami(phone, f"Bearer {phone.token}")


def test_who_came_by_ours_first_is_known_to_the_old_endpoint(phone):
    body = phone.log_in()
    assert str(old_login(phone)["data"]["id"]) == body["user"]["id"]


def test_the_old_endpoint_refuses_as_it_did(phone):
    answer = phone.send("POST", "/wx/login", {"code": "wrong"})
    assert answer.json()["errno"] == 1


def test_a_member_is_known_by_a_number_that_wechat_verified(phone, add_member):
    key = add_member(mobile=phone.fake.person(phone.name).phone)
    body = phone.log_in(phone_code=phone.fake.phone_code(phone.name))
    assert (body["user"]["id"], body["created"]) == (key, False)


def test_a_number_proves_nothing_unless_wechat_verified_it(phone, add_member):
    key = add_member(mobile=phone.fake.person(phone.name).phone)
    mobile = phone.fake.person(phone.name).phone
    body = phone.log_in(extra={"mobile": mobile}, **phone.fake.user_info(phone.name))
    assert body["user"]["id"] != key
    phone.post("me/phone/", {"code": phone.fake.phone_code(phone.name)})
    assert phone.get("me/").json()["id"] == body["user"]["id"]


def test_a_number_of_the_staff_opens_no_account(phone, add_member):
    key = add_member(mobile=phone.fake.person(phone.name).phone, is_staff=True)
    body = phone.log_in(phone_code=phone.fake.phone_code(phone.name))
    assert body["user"]["id"] != key


def test_the_old_column_is_of_one_app(phone, add_member):
    """In another app the same text would be another person."""
    member = phone.fake.person(phone.name)
    key = add_member(openid=member.openid(APP_TWO))
    body = phone.log_in(appid=APP_TWO)
    assert body["user"]["id"] != key


def test_the_project_says_no_in_its_own_words(phone):
    answer = phone.try_login(extra={"invitation": "forged"})
    assert_headers(answer)
    assert (answer.status_code, answer.json()) == (
        403,
        {"code": "bad_invitation", "detail": "This invitation is not ours.", "action": "stop"},
    )


def test_a_bug_of_the_project_is_an_answer_and_leaves_nothing_half_made(phone):
    answer = phone.try_login(extra={"invitation": "broken"})
    assert_error(answer, "internal_error")
    assert "bug" not in answer.content.decode()
    assert phone.log_in()["created"] is True
