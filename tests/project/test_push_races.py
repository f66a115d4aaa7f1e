"""WeChat pushes while the person it is about does something else, or pushes twice at once."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.project.test_races import ONE, clear, log_in, rows
from tests.together import together
from wxauth.models import Event, Login, OpenId, Person, SpentData

pytestmark = [pytest.mark.waits, pytest.mark.django_db(transaction=True)]
ROUNDS = 5
REVOKE, CLOSE = "user_authorization_revoke", "user_authorization_cancellation"


@pytest.fixture(autouse=True)
def _nobody(wxauth_push):
    yield
    clear()
    Event.objects.all()._raw_delete("default")


def sender(push):
    def send():
        answer = Client(raise_request_exception=False).generic(
            "POST", f"/api/wxauth/push/{ONE}/?{urlencode(push.query)}", push.body
        )
        return answer.status_code, answer.content

    return send


def sign_up(fake, name="alice"):
    status, body = log_in(fake, name)()
    assert status == 200
    return body["token"]


@pytest.mark.parametrize("event", ["debug_demo", REVOKE, CLOSE])
def test_the_same_message_many_times_at_once_is_taken_once(fake_wechat, event):
    for number in range(ROUNDS):
        sign_up(fake_wechat)
        SpentData.objects.all().delete()
        push = fake_wechat.push(event, "alice", ONE, CreateTime=number, RevokeInfo="301")
        answers = together([sender(push)] * 8)
        # Whoever lost the database's favour three times is told to come back.
        assert set(answers) <= {(200, b"success"), (503, b"")}
        assert (200, b"success") in answers
        assert SpentData.objects.count() == 1
        assert Event.objects.count() == (0 if event == "debug_demo" else number + 1)
        if event == CLOSE:
            assert rows()["persons"] == 0


def test_who_logs_in_while_their_account_is_closed_is_a_stranger_or_gone(fake_wechat):
    for number in range(ROUNDS):
        sign_up(fake_wechat)
        push = sender(fake_wechat.push(CLOSE, "alice", ONE, CreateTime=number))
        closed, login = together([push, log_in(fake_wechat, "alice")])
        while closed != (200, b"success"):
            assert closed == (503, b"")
            closed = push()
        assert login[0] in (200, 503), login
        # A login that came first has gone with the rest; one that came after is of somebody new.
        assert Event.objects.filter(kind="erased").count() == number + 1
        assert Person.objects.count() == OpenId.objects.count() == Login.objects.count()
        assert Person.objects.count() <= 1
        assert all(person.user.is_active for person in Person.objects.select_related("user"))
        Person.objects.all().delete()


def test_a_nickname_that_is_typed_meanwhile_is_there_whole_or_not_at_all(fake_wechat):
    token = sign_up(fake_wechat)

    def type_it():
        return (
            Client()
            .post(
                "/api/wxauth/me/",
                {"nickname": "小爱"},
                content_type="application/json",
                headers={"Authorization": f"Bearer {token}"},
            )
            .status_code
        )

    for number in range(ROUNDS):
        push = sender(fake_wechat.push(REVOKE, "alice", ONE, CreateTime=number, RevokeInfo="19"))
        typed, pushed = together([type_it, push])
        assert typed in (200, 503)
        assert pushed in ((200, b"success"), (503, b""))
        person = Person.objects.get()
        assert (person.nickname, person.nickname_appid) in (("", ""), ("小爱", ONE))
    assert get_user_model().objects.count() == 1
