"""The answers that are put together by hand are those that their serializers describe."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from rest_framework.serializers import Serializer

from tests.rows import give_phone, make_login
from wxauth.api.serializers import LoginAnswerSerializer, UserSerializer
from wxauth.exceptions import Undecryptable
from wxauth.services.login.enclosures import Rejected
from wxauth.services.login.entry import LoggedIn
from wxauth.types import Secret

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 31, 8, tzinfo=timezone.utc)
PEOPLE = {
    "with nothing": {},
    "with a name": {"nickname": "小爱"},
    "with WeChat's picture": {"avatar_url": "https://thirdwx.qlogo.cn/a/132"},
    "with a picture": {"avatar": "wxauth/avatars/a.jpg", "avatar_url": "https://elsewhere"},
}


@pytest.fixture(params=[*PEOPLE, "with a number"])
def login(request):
    login = make_login()
    if request.param == "with a number":
        give_phone(login, "+8613800138001")
        login.person.refresh_from_db()
    for name, value in PEOPLE.get(request.param, {}).items():
        setattr(login.person, name, value)
    return login


def both(serializer, instance):
    """The answer by hand, and field by field."""
    by_field = Serializer.to_representation(serializer, instance)
    return serializer.to_representation(instance), by_field


def shown(answer):
    """Its members in their order; a secret is compared by what is in it."""
    return [
        (name, value.reveal() if isinstance(value, Secret) else value)
        for name, value in answer.items()
    ]


def test_the_user_has_every_field_in_its_order(login, rf):
    answer, by_field = both(UserSerializer(context={"request": rf.get("/")}), login.person)
    assert shown(answer) == shown(by_field)


@pytest.mark.parametrize("extra", [{}, {"vip": True, "shop": None, "cart": [{"a": 1}]}])
@pytest.mark.parametrize("rejected", [(), ("phone_code", "encryptedData")])
def test_a_login_has_every_field_in_its_order(login, rf, extra, rejected):
    login.created_at, login.expires_at = NOW, NOW + timedelta(days=7)
    warnings = tuple(Rejected(field, Undecryptable()) for field in rejected)
    done = LoggedIn(login, Secret("wxa_token"), True, warnings, extra)
    answer, by_field = both(LoginAnswerSerializer(context={"request": rf.get("/")}), done)
    assert list(answer) == list(by_field)
    assert shown(answer.pop("user")) == shown(by_field.pop("user"))
    assert shown(answer) == shown(by_field)
