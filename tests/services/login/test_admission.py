"""Whose openid is this? Decided by WeChat's openid and unionid alone."""

from __future__ import annotations

import itertools
import logging

import pytest
from django.contrib.auth import get_user_model

from tests.rows import ONE, TWO
from wxauth.authentication import get_login
from wxauth.models import Event, Identity, Login, OpenId, Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def move_app(settings, fake_wechat):
    """Bind an app to another Open Platform account, at WeChat and in the settings."""

    def move(appid, platform):
        apps = {**settings.WXAUTH["APPS"]}
        apps[appid] = {**apps[appid], "PLATFORM": platform}
        settings.WXAUTH = {**settings.WXAUTH, "APPS": apps}
        fake_wechat.add_app(appid, apps[appid]["SECRET"], platform=platform)

    return move


def who(done):
    return done.login.person_id


def unionids():
    return list(Identity.objects.order_by("pk").values_list("unionid", flat=True))


def events():
    return list(Event.objects.order_by("pk").values_list("kind", flat=True))


def test_an_openid_names_somebody_else_in_every_app(enter):
    # WeChat promises that no two people share one within an app, and nothing beyond.
    alice = enter(ONE, "alice", openid="o-of-both", unionid="union-alice")
    bob = enter(TWO, "bob", openid="o-of-both", unionid="union-bob")
    assert who(alice) != who(bob)
    assert who(enter(ONE, "alice")) == who(alice)
    assert who(enter(TWO, "bob")) == who(bob)


def test_a_unionid_that_comes_later_is_learned(enter):
    first = enter(unionid=None)
    assert unionids() == [None]
    second = enter(unionid="union-alice")
    assert unionids() == ["union-alice"]
    assert who(first) == who(second)
    # From now on it finds her in another app.
    assert who(enter(TWO)) == who(first)
    # A login is its own record.
    assert events() == []


def test_a_unionid_that_is_absent_now_is_not_forgotten(enter):
    first = enter(unionid="union-alice")
    assert who(enter(unionid=None)) == who(first)
    assert unionids() == ["union-alice"]
    assert events() == []


def test_a_binding_that_moved_gives_the_openid_an_identity_of_its_own(enter):
    first = enter(unionid="union-alice")
    second = enter(unionid="union-moved")
    # Nothing is left of the old one, which no app says any more.
    assert unionids() == ["union-moved"]
    assert who(first) == who(second)
    event = Event.objects.get()
    assert (event.kind, event.user, event.appid) == ("unionid_changed", str(who(first)), ONE)
    assert "union" not in str(event.detail)
    # And once is enough.
    enter()
    assert Event.objects.count() == 1


def test_the_old_identity_stays_while_another_app_is_under_it(enter):
    first = enter(unionid="union-alice")
    enter(TWO, unionid="union-alice")
    enter(ONE, unionid="union-moved")
    assert unionids() == ["union-alice", "union-moved"]
    assert set(Identity.objects.values_list("person", flat=True)) == {who(first)}
    # The second app follows into the identity that is there already, and the old one goes.
    assert who(enter(TWO, unionid="union-moved")) == who(first)
    assert unionids() == ["union-moved"]
    assert OpenId.objects.filter(identity__unionid="union-moved").count() == 2
    assert events() == ["unionid_changed", "unionid_changed"]
    assert get_user_model().objects.count() == 1


def test_the_old_unionid_finds_nobody_after_the_move(enter):
    first = enter(unionid="union-alice")
    enter(unionid="union-moved")
    stranger = enter(TWO, "bob", unionid="union-alice")
    assert stranger.created
    assert who(stranger) != who(first)


def test_a_token_outlives_the_move_of_its_openid(enter):
    first = enter(unionid="union-alice")
    enter(unionid="union-moved")
    assert get_login(first.token.reveal()) is not None


def test_apps_of_two_platforms_share_nobody(enter, move_app):
    move_app(TWO, "second")
    one = enter(ONE, unionid="the-same")
    two = enter(TWO, unionid="the-same")
    assert who(one) != who(two)
    assert OpenId.objects.count() == 2


@pytest.mark.parametrize("unionid", ["union-there", "union-alice", None])
def test_an_app_that_moved_to_another_platform_keeps_its_people(enter, move_app, unionid):
    before = enter(ONE, unionid="union-alice")
    enter(TWO, unionid="union-alice")
    move_app(ONE, "second")
    after = enter(unionid=unionid)
    assert who(after) == who(before)
    placed = OpenId.objects.values_list("appid", "identity__platform", "identity__unionid")
    assert set(placed) == {(ONE, "second", unionid), (TWO, "default", "union-alice")}
    assert events() == ["unionid_changed"]
    # Settled: the next login changes nothing.
    enter()
    assert Event.objects.count() == 1


def test_openids_of_an_app_that_moved_meet_those_of_their_new_platform_only(enter, move_app):
    alice = enter(ONE, "alice", unionid="union-1")
    move_app(ONE, "second")
    enter(ONE, "alice", unionid="union-2")
    # The unionid that she has there now is somebody else's on the old platform.
    bob = enter(TWO, "bob", unionid="union-2")
    assert who(alice) != who(bob)


def test_nobody_without_a_unionid_is_anybody_else(enter):
    people = {
        who(enter(appid, name, unionid=None))
        for appid, name in ((ONE, "alice"), (ONE, "bob"), (TWO, "alice"), (TWO, "eve"))
    }
    assert len(people) == 4


def test_a_blocked_person_learns_nothing(enter, django_user_model):
    first = enter(unionid=None)
    django_user_model.objects.update(is_active=False)
    with pytest.raises(Exception, match="may not log in"):
        enter(unionid="union-alice")
    assert unionids() == [None]
    assert who(first)


@pytest.mark.parametrize("order", list(itertools.permutations(["none", "first", "second"])))
def test_whatever_the_order_one_openid_is_one_user(enter, order):
    users = {
        who(enter(unionid=None if word == "none" else f"union-{word}"))
        for word in (*order, *reversed(order))
    }
    assert len(users) == 1
    assert Person.objects.count() == Identity.objects.count() == OpenId.objects.count() == 1
    assert unionids() == [f"union-{[word for word in reversed(order) if word != 'none'][-1]}"]


def test_a_token_whose_openid_became_somebody_elses_is_worth_nothing(enter):
    """The login that was on its way while its openid changed hands."""
    done, other = enter(), enter(ONE, "bob")
    Identity.objects.filter(person=who(done)).update(person=who(other))
    assert Login.objects.get(pk=done.login.pk).revoked_at is None
    assert get_login(done.token.reveal()) is None


def test_warnings_are_not_needed_where_events_are(enter, caplog):
    caplog.set_level(logging.WARNING, "wxauth")
    enter(unionid="union-alice")
    enter(unionid="union-moved")
    assert caplog.records == []
