"""An admin framework that wraps every answer, reads from a replica and knows no time zones."""

from __future__ import annotations

import re

import pytest

from tests.api.contract import assert_error, assert_headers

from .phone import APP_ONE, Phone

pytestmark = pytest.mark.hosts


@pytest.fixture
def host(get_host):
    return get_host("china")


@pytest.fixture
def alice(host, new_phone):
    phone = new_phone(host)
    phone.log_in()
    return phone


@pytest.fixture(scope="module", autouse=True)
def jwt(get_host):
    """The token of somebody who logged in by the framework's own login.

    Once, and before all tests: its throttle counts that too.
    """
    host = get_host("china")
    host.shell(
        "from django.contrib.auth import get_user_model\n"
        "staff = get_user_model()(username='staff', is_staff=True)\n"
        "staff.set_password('staff')\n"
        "staff.save(using='default')\n"
        "get_user_model().objects.using('replica').filter(pk=staff.pk).delete()\n"
        "staff.save(using='replica', force_insert=True)\n"
    )
    fields = {"username": "staff", "password": "staff"}
    answer = Phone(host, "staff").send("POST", "/api/token/", fields).json()
    assert answer["code"] == 2000, answer
    return answer["data"]["access"]


@pytest.fixture
def staff(host, jwt):
    phone = Phone(host, "staff")
    phone.token = jwt
    return phone


def own(phone, method, path, body=None):
    """The answer of one of the framework's own views: 200, whatever it is."""
    authorization = f"Bearer {phone.token}" if phone.token else ""
    answer = phone.send(method, f"/api/{path}", body, authorization=authorization)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "application/json"
    assert "X-Request-ID" not in answer
    return answer.json()


# -- nothing of ours leaks into theirs ---------------------------------------------------------


def test_their_jwt_works_and_their_answers_are_wrapped(staff):
    answer = own(staff, "GET", "system/user_info/")
    assert (answer["code"], answer["msg"], answer["data"]["username"]) == (2000, "success", "staff")


def test_their_errors_are_wrapped(staff, alice):
    staff.token = ""
    assert own(staff, "GET", "system/user_info/")["code"] == 401
    # simplejwt stands alone in their settings: it refuses what is not its own, as before.
    assert own(alice, "GET", "system/user_info/")["code"] == 401


def test_their_transactions_are_rolled_back(staff):
    assert own(staff, "POST", "system/orders/") == {
        "code": 4000, "msg": "out of stock", "data": None
    }  # fmt: skip
    count = "from system.models import Order; print(Order.objects.using('default').count())"
    assert staff.host.shell(count) == "0"


def test_they_read_from_their_replica_and_write_their_own_times(staff):
    assert own(staff, "POST", "system/notices/", {"title": "新"})["data"] == "ok"
    staff.host.shell(
        "from system.models import Notice\n"
        "Notice.objects.using('replica').get_or_create(title='旧')"
    )
    (notice,) = own(staff, "GET", "system/notices/")["data"]
    assert notice["title"] == "旧"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", notice["created"])


def test_their_throttle_counts_their_views(host, new_phone):
    phone = new_phone(host)
    for _ in range(5):
        assert phone.try_login().status_code == 200
    codes = [own(phone, "GET", "system/ping/")["code"] for _ in range(4)]
    # The framework's own login has been counted as well; none of ours has.
    assert codes[-1] == 429
    assert phone.try_login().status_code == 200


def test_their_log_of_operations_sees_our_requests(alice):
    seen = alice.host.shell(
        "from system.models import OperationLog\n"
        "print(OperationLog.objects.using('default').filter(path='/api/wxauth/login/').exists())"
    )
    assert seen == "True"


# -- nothing of theirs leaks into ours ---------------------------------------------------------


def test_their_page_of_the_mini_program_takes_our_token_and_keeps_their_habits(alice):
    answer = own(alice, "GET", "mini/profile/")
    me = alice.get("me/").json()
    assert answer["data"] == {
        "id": int(me["id"]),
        "openid": alice.fake.person(alice.name).openid(APP_ONE),
    }
    alice.post("logout/")
    assert own(alice, "GET", "mini/profile/")["code"] == 401


def test_a_login_is_done_when_it_is_answered_whatever_their_transactions(alice):
    """Under ATOMIC_REQUESTS it would still have to be committed, and WeChat asked within it."""
    assert alice.log_in()["extra"] == {"in_transaction": False}


def test_their_jwt_is_no_token_of_ours(staff):
    assert_error(staff.get("me/"), "not_authenticated")


def test_nothing_of_ours_was_written_to_their_replica(alice):
    count = (
        "from wxauth.models import Person\n"
        "from django.db.models import QuerySet\n"
        "replica, default = (QuerySet(Person, using=name) for name in ('replica', 'default'))\n"
        "print(replica.count(), default.exists())"
    )
    assert alice.host.shell(count) == "0 True"


# -- ENVELOPE ----------------------------------------------------------------------------------


def test_with_an_envelope_our_answers_look_like_theirs(get_host, new_phone):
    phone = new_phone(get_host("china-wrapped"))
    answer = phone.try_login()
    assert_headers(answer)
    body = answer.json()
    assert (body["code"], body["msg"]) == (2000, "success")
    phone.token = body["data"]["token"]
    assert phone.get("me/").json()["data"] == body["data"]["user"]
    assert phone.post("logout/").json() == {"code": 2000, "msg": "success", "data": None}
    refused = phone.get("me/")
    assert (refused.status_code, refused["Cache-Control"]) == (200, "no-store")
    assert refused.json()["code"] == 401
    assert refused.json()["data"]["action"] == "login"
    assert phone.get("nowhere/").json()["code"] == 404
    assert phone.post("login/", b"{").json()["data"]["code"] == "invalid_request"
