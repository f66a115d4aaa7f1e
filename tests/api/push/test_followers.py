"""Who follows an official account and is known by unionid, the project can write to."""

from __future__ import annotations

import pytest

from tests.api.phone import APP_TWO
from tests.statements import capture_statements
from wxauth.models import Identity, OpenId, Person
from wxauth.testing import faults

pytestmark = pytest.mark.django_db
INFO = "/cgi-bin/user/info"


@pytest.fixture
def account(configure, settings, fake_wechat, wxauth_push):
    """The second app is an official account; access_tokens are there."""
    apps = settings.WXAUTH["APPS"]
    configure(APPS={**apps, APP_TWO: {**apps[APP_TWO], "KIND": "officialaccount"}})
    return APP_TWO


def asked(fake):
    return [call.path for call in fake.calls].count(INFO)


@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.parametrize("event", ["subscribe", "SCAN"])
def test_a_person_who_is_known_is_known_there_too(
    alice, account, wxauth_push, fake_wechat, event, form
):
    answer = wxauth_push(event, "alice", account, form=form, EventKey="qrscene_1")
    assert answer.content == b"success"
    openid = OpenId.objects.for_user(alice.row.user, account).get()
    assert openid.openid == fake_wechat.person("alice").openid(account)
    assert Identity.objects.count() == 1


def test_it_is_asked_once(alice, account, wxauth_push, fake_wechat):
    for stamp in (1, 1, 2):
        wxauth_push("subscribe", "alice", account, CreateTime=stamp)
    wxauth_push("SCAN", "alice", account)
    assert asked(fake_wechat) == 1
    assert OpenId.objects.filter(appid=account).count() == 1


@pytest.mark.parametrize("event", ["subscribe", "SCAN", "unsubscribe"])
def test_a_stranger_leaves_no_row(alice, account, wxauth_push, fake_wechat, event):
    assert wxauth_push(event, "bob", account).content == b"success"
    assert OpenId.objects.count() == Person.objects.count() == 1


def test_who_went_away_is_still_there(alice, account, wxauth_push):
    for event in ("subscribe", "unsubscribe"):
        wxauth_push(event, "alice", account)
    assert OpenId.objects.filter(appid=account).count() == 1


def test_whoever_does_not_follow_any_more_stays_unknown(alice, account, wxauth_push, fake_wechat):
    fake_wechat.person("alice").unfollowed.add(account)
    wxauth_push("SCAN", "alice", account)
    assert OpenId.objects.count() == 1


def test_a_mini_programs_events_are_none_of_these(alice, bob, wxauth_push, fake_wechat):
    wxauth_push("subscribe", "alice", APP_TWO)
    assert asked(fake_wechat) == 0
    assert OpenId.objects.count() == 2


def test_of_whoever_is_shut_out_nothing_is_learned(alice, account, wxauth_push):
    alice.row.user.__class__.objects.update(is_active=False)
    wxauth_push("subscribe", "alice", account)
    assert OpenId.objects.count() == 1


@pytest.mark.parametrize(
    "fault", [faults.Errcode(48001), faults.Errcode(-1), faults.Errcode(40003), faults.html(),
              faults.Fields({"openid": "o-other"}), faults.Fields({"unionid": "u" * 65})]
)  # fmt: skip
def test_where_wechat_does_not_say_the_next_time_will_do(
    alice, account, wxauth_push, fake_wechat, fault, caplog
):
    fake_wechat.faults.add(fault, path=INFO)
    assert wxauth_push("subscribe", "alice", account, CreateTime=1).content == b"success"
    assert OpenId.objects.count() == 1
    assert [r.name for r in caplog.records if r.name == "wxauth.push"] == ["wxauth.push"]
    wxauth_push("SCAN", "alice", account)
    assert OpenId.objects.count() == 2


@pytest.mark.parametrize("openid", ["", "o" * 65, "\x01", 5.5, None])
def test_an_openid_that_is_none_is_not_asked_about(account, wxauth_push, fake_wechat, openid):
    assert wxauth_push("subscribe", "alice", account, FromUserName=openid).content == b"success"
    assert asked(fake_wechat) == 0


@pytest.mark.parametrize("person", ["alice", "bob"])
def test_it_costs_so_many_statements(alice, account, wxauth_push, fake_wechat, person):
    wxauth_push("subscribe", "eve", account)  # Now the access_token is there.
    first = 7 if person == "alice" else 5
    for count in (first, 2):
        with capture_statements() as statements:
            wxauth_push("subscribe", person, account, CreateTime=1)
        assert len(statements) == count, statements
