"""One person through every door that ends in a token: always one user."""

from __future__ import annotations

import random

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.api.contract import assert_error
from tests.api.phone import APP_ONE, APP_TWO, call
from tests.shop.models import Order
from wxauth.models import Conflict, Identity, Login, Merge, OpenId
from wxauth.testing import faults

pytestmark = pytest.mark.django_db

MOBILE, ACCOUNT, ELSEWHERE = "wx0000000000000004", "wx0000000000000006", "wx0000000000000007"
KINDS = {MOBILE: "mobileapp", ACCOUNT: "officialaccount", ELSEWHERE: "mobileapp"}


@pytest.fixture(autouse=True)
def apps(configure, settings, fake_wechat, monkeypatch):
    monkeypatch.setenv("CBR_ENV_ID", "prod-1a2b3c")
    declared = dict(settings.WXAUTH["APPS"])
    for appid, kind in KINDS.items():
        platform = "another" if appid == ELSEWHERE else "default"
        declared[appid] = {"SECRET": "s", "KIND": kind, "PLATFORM": platform}
        fake_wechat.add_app(appid, "s", platform=platform, kind=kind)
    configure(APPS=declared, CLOUD=True, PREFETCH=True)


@pytest.fixture
def doors(fake_wechat):
    """Door → how somebody comes through it; the body of the answer."""

    def by_code(appid):
        def come(name):
            code = fake_wechat.login_code(name, appid)
            return call(Client(), "POST", "login/", {"code": code, "appid": appid})

        return come

    def by_gateway(appid, owner=None):
        def come(name):
            headers = fake_wechat.cloud_headers(name, appid, owner=owner)
            return call(Client(), "POST", "login/", {}, headers=headers)

        return come

    def ahead(name):
        return Client().get("/api/wxauth/prefetch/", fake_wechat.prefetch_query(name))

    return {
        "mini-program": by_code(APP_ONE),
        "another mini-program": by_code(APP_TWO),
        "mobile app": by_code(MOBILE),
        "cloud": by_gateway(APP_ONE),
        "shared cloud": by_gateway(APP_TWO, owner=APP_ONE),
        "page in the cloud": by_gateway(ACCOUNT),
        "pre-fetch": ahead,
        "another platform": by_code(ELSEWHERE),
    }


@pytest.mark.parametrize(
    "order", [0, 1, *(pytest.param(order, marks=pytest.mark.waits) for order in range(2, 10))]
)
def test_alice_is_one_user_whichever_door_she_takes_first(doors, order):
    names = [name for name in doors if name != "another platform"]
    random.Random(order).shuffle(names)
    bodies = [doors[name]("alice").json() for name in [*names, names[0]]]
    assert [body["created"] for body in bodies] == [True] + [False] * len(names)
    assert len({body["user"]["id"] for body in bodies}) == get_user_model().objects.count() == 1
    assert Identity.objects.count() == 1
    assert set(OpenId.objects.values_list("appid", flat=True)) == {
        APP_ONE, APP_TWO, MOBILE, ACCOUNT,
    }  # fmt: skip
    assert OpenId.objects.count() == 4
    assert Login.objects.count() == len(bodies)
    assert set(Login.objects.values_list("channel", flat=True)) == {
        "miniprogram", "mobileapp", "cloud", "prefetch",
    }  # fmt: skip
    # bob, through the same doors, is somebody else.
    for name in names:
        doors[name]("bob")
    assert (get_user_model().objects.count(), Identity.objects.count()) == (2, 2)


def test_an_app_of_another_platform_is_another_identity_of_another_user(doors):
    first, second = (doors[name]("alice").json() for name in ("mobile app", "another platform"))
    assert first["user"]["id"] != second["user"]["id"]
    assert set(Identity.objects.values_list("platform", flat=True)) == {"default", "another"}


@pytest.fixture
def unbound(fake_wechat):
    """The mobile app is not bound to the Open Platform yet; call it to bind it."""
    fake_wechat.add_app(MOBILE, "s", platform=None, kind="mobileapp")
    return lambda: fake_wechat.add_app(MOBILE, "s", kind="mobileapp")


def test_a_late_unionid_joins_whoever_has_nothing_to_lose(doors, unbound):
    strangers = [doors[name]("alice").json() for name in ("cloud", "mobile app")]
    assert len({body["user"]["id"] for body in strangers}) == 2
    unbound()
    bodies = [doors[name]("alice").json() for name in ("mobile app", "cloud", "pre-fetch")]
    assert len({body["user"]["id"] for body in bodies}) == 1
    assert Merge.objects.get().automatic
    assert Identity.objects.count() == 1


def test_a_late_unionid_of_two_used_accounts_is_a_conflict_and_no_merge(doors, unbound):
    ids = [doors[name]("alice").json()["user"]["id"] for name in ("cloud", "mobile app")]
    for user in get_user_model().objects.all():
        Order.objects.create(user=user)
    unbound()
    assert doors["mobile app"]("alice").json()["user"]["id"] == ids[1]
    assert doors["cloud"]("alice").json()["user"]["id"] == ids[0]
    assert (Conflict.objects.count(), Merge.objects.count()) == (1, 0)


def test_whoever_is_blocked_finds_every_door_shut(doors, fake_wechat):
    for come in doors.values():
        come("alice")
    for row in Login.objects.all():
        row.person.blocked_at = row.created_at
        row.person.save()
    for name, come in doors.items():
        assert_error(come("alice"), "blocked"), name


def test_what_comes_of_a_door_is_listed_and_can_be_ended(doors):
    tokens = {name: doors[name]("alice").json()["token"] for name in ("cloud", "mobile app")}
    listed = call(Client(), "GET", "me/logins/", token=tokens["cloud"]).json()
    (other,) = [row for row in listed if not row["current"]]
    call(Client(), "DELETE", f"me/logins/{other['id']}/", token=tokens["cloud"])
    assert_error(call(Client(), "GET", "me/", token=tokens["mobile app"]), "invalid_token")


def test_the_profile_of_the_first_door_is_not_overwritten_by_the_next(doors, fake_wechat):
    token = doors["mobile app"]("alice").json()["token"]
    call(Client(), "POST", "me/", {"nickname": "Alice"}, token=token)
    for come in doors.values():
        if come is not doors["another platform"]:
            assert come("alice").json()["user"]["nickname"] == "Alice"
    assert [each.path for each in fake_wechat.calls].count(faults.USER_INFO) == 1
