"""What a person takes back in WeChat goes, whatever comes before it and after it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from PIL import Image

from tests.api.phone import APP_ONE, APP_TWO, Phone
from tests.statements import capture_statements
from wxauth import people
from wxauth.models import Conflict, Event, Identity, Login, Merge, OpenId, Person
from wxauth.services.merging import merges
from wxauth.services.profile import pictures
from wxauth.services.push.personal_data import CODES

pytestmark = pytest.mark.django_db
FORMS = pytest.mark.parametrize("form", ["json", "xml"])
REVOKE, CLEAN, CLOSE = (
    "user_authorization_revoke",
    "user_info_modified",
    "user_authorization_cancellation",
)
NICKNAME = {"nickname", "nickname_appid"}
AVATAR = {"avatar", "avatar_url", "avatar_appid"}
PHONE = {"sealed_phone", "phone_hash", "phone_tail", "phone_appid"}
#: RevokeInfo → the columns that are empty afterwards, by the fact sheet.
GOES = {
    "1": set(), "2": set(), "3": set(), "4": set(), "5": set(), "7": set(), "12": set(),
    "13": set(), "14": set(), "15": set(), "16": set(), "18": set(), "201": set(), "202": set(),
    "203": set(), "204": set(), "206": set(), "207": set(),
    "6": NICKNAME | AVATAR, "205": NICKNAME | AVATAR, "8": PHONE, "19": NICKNAME, "20": AVATAR,
    "301": NICKNAME | AVATAR | PHONE,
    # Several at once, and what nobody knows.
    "8,19": PHONE | NICKNAME, "20 8": AVATAR | PHONE, "19;19": NICKNAME, "[6,8]": NICKNAME | AVATAR
    | PHONE, "999": set(), "999,19": NICKNAME, "": set(), "nonsense": set(), "0": set(),
}  # fmt: skip


def picture():
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), "green").save(stream, "JPEG")
    return stream.getvalue()


def fill(phone, fake, nickname="小爱"):
    """This person has shown everything there is, in this phone's app."""
    assert phone.post("me/", {"nickname": nickname}).status_code == 200
    Person.objects.filter(pk=phone.row.pk).update(avatar_url="https://wx.qlogo.cn/a/132")
    pictures.set_avatar(login=phone.login, picture=picture())
    code = fake.phone_code(phone.person, phone.appid)
    assert phone.post("me/phone/", {"code": code}).status_code == 200


def columns(person):
    return {
        field.attname: str(getattr(person, field.attname)) for field in Person._meta.local_fields
    }


def files(settings):
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def everything():
    """Every row of ours but events and digests."""
    models = (get_user_model(), Person, Identity, OpenId, Login, Conflict, Merge)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


def emptied(before, after):
    assert before.keys() == after.keys()
    changed = {name for name in before if before[name] != after[name]}
    assert all(after[name] in {"", "None"} for name in changed)
    return changed


@pytest.fixture
def full(alice, fake_wechat):
    fill(alice, fake_wechat)
    return alice


# -- an authorisation is withdrawn -------------------------------------------------------------


def test_every_code_that_is_known_is_tried():
    assert CODES.keys() <= GOES.keys()


@FORMS
@pytest.mark.parametrize("info", GOES)
def test_what_is_withdrawn_goes_and_nothing_else(full, wxauth_push, settings, form, info):
    before, rest = columns(full.row), everything()
    assert wxauth_push(REVOKE, "alice", form=form, RevokeInfo=info).content == b"success"
    assert emptied(before, columns(full.row)) == GOES[info]
    assert len(files(settings)) == (0 if GOES[info] >= AVATAR else 1)
    after = everything()
    del rest["Person"], after["Person"]
    assert after == rest
    assert full.get("me/").status_code == 200
    event = Event.objects.get()
    assert (event.kind, event.user, event.appid, event.actor) == (
        "authorization_revoked", str(full.row.pk), APP_ONE, "push",
    )  # fmt: skip
    assert event.request_id
    assert set(event.detail) <= {"codes", "removed", "unknown"}
    told = str(event.detail)
    openid = full.login.openid
    assert not any(value in told for value in ("小爱", "13800138001", openid))


def test_a_code_that_nobody_knows_is_there_for_the_staff(full, wxauth_push):
    wxauth_push(REVOKE, "alice", RevokeInfo="999,19,1")
    detail = Event.objects.get().detail
    assert detail == {
        "codes": ["999", "19", "1"], "removed": ["nickname"], "unknown": ["999"],
    }  # fmt: skip


def test_a_number_may_come_as_a_number(full, wxauth_push):
    wxauth_push(REVOKE, "alice", RevokeInfo=19)
    assert full.row.nickname == ""


def test_a_thousand_codes_are_not_written_down(full, wxauth_push):
    wxauth_push(REVOKE, "alice", RevokeInfo=",".join(map(str, range(1000, 2000))))
    assert len(Event.objects.get().detail["codes"]) == 40


@pytest.mark.parametrize("info", ["6", "8", "301"])
@pytest.mark.parametrize("event", [REVOKE, CLEAN])
def test_what_another_app_showed_stays(
    full, alice_in_two, wxauth_push, fake_wechat, settings, event, info
):
    fill(alice_in_two, fake_wechat, "小小爱")
    before = columns(full.row)
    assert before["nickname_appid"] == before["avatar_appid"] == before["phone_appid"] == APP_TWO
    wxauth_push(event, "alice", RevokeInfo=info)
    assert columns(full.row) == before
    assert Path(full.row.avatar.path).is_file()
    wxauth_push(event, "alice", APP_TWO, RevokeInfo=info)
    assert columns(full.row) != before


def test_nobody_elses_goes(full, bob, wxauth_push, fake_wechat):
    fill(bob, fake_wechat, "大宝")
    before = columns(bob.row)
    for event in (REVOKE, CLEAN):
        wxauth_push(event, "alice", RevokeInfo="301")
    assert columns(bob.row) == before


def test_who_has_no_such_openid_is_found_by_unionid(full, wxauth_push):
    unionid = Identity.objects.get().unionid
    wxauth_push(REVOKE, "alice", OpenID="o-of-another-kind", UnionID=unionid, RevokeInfo="19")
    assert full.row.nickname == ""
    wxauth_push(REVOKE, "alice", OpenID=None, UnionID=unionid, RevokeInfo="8")
    assert full.row.sealed_phone is None


def test_a_unionid_of_another_platform_is_nobodys(full, wxauth_push, configure, settings):
    unionid = Identity.objects.get().unionid
    apps = settings.WXAUTH["APPS"]
    configure(APPS={**apps, APP_TWO: {**apps[APP_TWO], "PLATFORM": "another"}})
    answer = wxauth_push(REVOKE, "alice", APP_TWO, OpenID="o-x", UnionID=unionid, RevokeInfo="301")
    assert answer.content == b"success"
    assert full.row.nickname == "小爱"


@pytest.mark.parametrize("event", [REVOKE, CLEAN, CLOSE])
@pytest.mark.parametrize(
    "about",
    [{"OpenID": None}, {"OpenID": "o-nobody"}, {"AppID": APP_TWO}, {"OpenID": "\x01"},
     {"OpenID": "o" * 65}, {"OpenID": None, "UnionID": "u-nobody"}],
)  # fmt: skip
def test_who_is_not_known_is_answered_and_nothing_changes(full, wxauth_push, caplog, event, about):
    caplog.set_level("INFO", "wxauth.outcomes")
    before = everything()
    assert wxauth_push(event, "alice", RevokeInfo="301", **about).content == b"success"
    assert everything() == before
    assert not Event.objects.exists()
    assert [r.outcome for r in caplog.records if hasattr(r, "outcome")][-1] == "push_unknown"


@FORMS
def test_wechat_has_cleaned_a_profile(full, wxauth_push, settings, form):
    before = columns(full.row)
    assert wxauth_push(CLEAN, "alice", form=form).content == b"success"
    assert emptied(before, columns(full.row)) == NICKNAME | AVATAR
    assert files(settings) == []
    event = Event.objects.get()
    assert (event.kind, event.detail) == ("profile_cleaned", {"removed": ["avatar", "nickname"]})


def test_the_spelling_of_the_kind_does_not_matter(full, wxauth_push):
    wxauth_push(CLEAN, "alice", MsgType="Event", Event="User_Info_Modified")
    assert full.row.nickname == ""


# -- twice, late, in any order -----------------------------------------------------------------


@FORMS
@pytest.mark.parametrize("event", [REVOKE, CLEAN])
def test_twice_is_once_and_sent_anew_it_comes_to_the_same_end(full, wxauth_push, form, event):
    for stamp, events in ((1, 1), (1, 1), (2, 2)):
        wxauth_push(event, "alice", form=form, CreateTime=stamp, RevokeInfo="6")
        after = columns(full.row)
        assert Event.objects.count() == events
        assert (after["nickname"], after["avatar"]) == ("", "")
    assert Event.objects.latest("pk").detail["removed"] == []


@pytest.mark.parametrize("event", [REVOKE, CLEAN])
def test_what_was_given_since_goes_too_if_it_is_not_the_same_message(
    full, fake_wechat, wxauth_push, event
):
    wxauth_push(event, "alice", CreateTime=1, RevokeInfo="6")
    full.post("me/", {"nickname": "again"})
    wxauth_push(event, "alice", CreateTime=1, RevokeInfo="6")
    assert full.row.nickname == "again"
    wxauth_push(event, "alice", CreateTime=2, RevokeInfo="6")
    assert full.row.nickname == ""


@pytest.mark.parametrize("event", [REVOKE, CLEAN, CLOSE])
def test_before_there_is_a_person_it_does_nothing(wxauth_push, db, fake_wechat, event):
    wxauth_push(event, "alice", RevokeInfo="301")
    alice = Phone(fake_wechat, "alice")
    fill(alice, fake_wechat)
    assert alice.row.nickname == "小爱"


@pytest.mark.parametrize("order", [(REVOKE, CLEAN), (CLEAN, REVOKE)])
def test_the_order_does_not_matter(full, wxauth_push, order):
    for event in order:
        wxauth_push(event, "alice", RevokeInfo="301")
    row = columns(full.row)
    assert {row[name] for name in NICKNAME | AVATAR | PHONE} == {"", "None"}


def test_who_is_blocked_or_inactive_is_no_exception(full, wxauth_push):
    Person.objects.update(blocked_at=timezone.now())
    get_user_model().objects.update(is_active=False)
    wxauth_push(REVOKE, "alice", RevokeInfo="301")
    assert full.row.nickname == ""
    assert full.row.blocked_at is not None


# -- people who were merged --------------------------------------------------------------------


@pytest.fixture
def merged(fake_wechat, db):
    """bob, with what he has shown in one app, was merged into eve, who showed hers in another."""
    bob, eve = Phone(fake_wechat, "bob", APP_ONE), Phone(fake_wechat, "eve", APP_TWO)
    fill(bob, fake_wechat, "大宝")
    Person.objects.filter(pk=bob.row.pk).update(avatar_url="")
    assert eve.post("me/", {"nickname": "小伊"}).status_code == 200
    source, target = bob.row, eve.row
    people.merge(source=source.pk, target=target.pk, actor="test")
    return source, target


def test_what_the_one_who_was_given_up_has_shown_goes_everywhere(merged, wxauth_push, settings):
    source, target = merged
    assert Person.objects.get(pk=target.pk).avatar_appid == APP_ONE  # It went over.
    assert Person.objects.get(pk=source.pk).nickname == "大宝"  # She has one herself.
    assert "avatar" in Merge.objects.get().accounts["profile"]
    wxauth_push(REVOKE, "bob", RevokeInfo="301")
    left, survivor = (Person.objects.get(pk=each.pk) for each in merged)
    assert (left.nickname, left.avatar.name, survivor.avatar.name) == ("", "", "")
    assert survivor.sealed_phone is None
    assert survivor.nickname == "小伊"
    assert files(settings) == []
    assert Merge.objects.get().accounts["profile"] == {}
    assert Event.objects.latest("pk").user == str(target.pk)


def test_it_does_not_come_back_when_the_merge_is_undone(merged, wxauth_push):
    wxauth_push(REVOKE, "bob", RevokeInfo="301")
    merges.undo(merge_id=Merge.objects.get().pk, actor="test")
    source = Person.objects.get(pk=merged[0].pk)
    assert (source.nickname, source.avatar.name, source.sealed_phone) == ("", "", None)


def test_a_merge_of_a_merge_is_no_exception(merged, fake_wechat, wxauth_push):
    alice = Phone(fake_wechat, "alice", APP_TWO)
    assert alice.post("me/", {"nickname": "小爱"}).status_code == 200
    people.merge(source=merged[1].pk, target=alice.row.pk, actor="test")
    wxauth_push(REVOKE, "bob", RevokeInfo="301")
    assert Person.objects.get(pk=merged[0].pk).nickname == ""
    assert Person.objects.get(pk=merged[1].pk).nickname == "小伊"


# -- storage -----------------------------------------------------------------------------------


def test_while_the_picture_cannot_be_deleted_nothing_is_and_wechat_comes_again(
    full, wxauth_push, client, settings, monkeypatch
):
    before = columns(full.row)

    def refuse(self, name):
        raise OSError("read-only")

    with monkeypatch.context() as patch:
        patch.setattr("django.core.files.storage.FileSystemStorage.delete", refuse)
        assert wxauth_push(REVOKE, "alice", CreateTime=1, RevokeInfo="301").status_code == 503
    assert columns(full.row) == before
    assert not Event.objects.exists()
    assert wxauth_push(REVOKE, "alice", CreateTime=1, RevokeInfo="301").status_code == 200
    assert full.row.nickname == ""
    assert files(settings) == []


# -- costs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "first", "again"), [("debug_demo", 2, 1), (REVOKE, 6, 1), (CLEAN, 6, 1)]
)
def test_a_push_costs_so_many_statements(full, wxauth_push, event, first, again):
    for count in (first, again):
        with capture_statements() as statements:
            wxauth_push(event, "alice", CreateTime=1, RevokeInfo="301")
        assert len(statements) == count, statements


# -- a WeChat account is closed ----------------------------------------------------------------


def give_password(phone):
    user = phone.row.user
    user.set_password("a password of her own")
    user.save()


@pytest.fixture
def closing(full, alice_in_two, fake_wechat):
    """alice, who has shown everything in the first app, uses the second one too, and a password."""
    give_password(full)
    return full


@FORMS
@pytest.mark.parametrize("appid", [APP_ONE, APP_TWO])
def test_with_another_way_to_log_in_the_user_stays_and_all_of_wechats_goes(
    closing, bob, wxauth_push, settings, form, appid
):
    before, others = columns(closing.row), Login.objects.filter(person=bob.row.pk)
    key = closing.row.pk
    assert wxauth_push(CLOSE, "alice", appid, form=form).content == b"success"
    assert emptied(before, columns(Person.objects.get(pk=key))) == NICKNAME | AVATAR | PHONE
    assert files(settings) == []
    assert not Identity.objects.filter(person=key).exists()
    assert not Login.objects.filter(person=key).exists()
    assert closing.get("me/").status_code == 401
    user = get_user_model().objects.get(pk=key)
    assert user.is_active
    assert user.check_password("a password of her own")
    assert others.count() == 1
    event = Event.objects.get()
    assert (event.kind, event.user, event.appid, event.actor, event.detail) == (
        "wechat_account_closed", str(key), appid, "push",
        {"removed": ["avatar", "nickname", "phone"]},
    )  # fmt: skip


@pytest.mark.parametrize("times", [1, 2])
@FORMS
def test_without_one_the_user_is_erased_at_once(full, bob, wxauth_push, settings, form, times):
    key, openid = full.row.pk, full.login.openid
    for _ in range(times):
        assert wxauth_push(CLOSE, "alice", form=form, CreateTime=1).content == b"success"
    assert not Person.objects.filter(pk=key).exists()
    assert not OpenId.objects.filter(openid=openid).exists()
    assert files(settings) == []
    user = get_user_model().objects.get(pk=key)
    assert not user.is_active
    assert full.get("me/").status_code == 401
    assert Person.objects.count() == Login.objects.count() == 1
    event = Event.objects.get()
    assert (event.kind, event.user, event.appid, event.actor) == (
        "erased", str(key), APP_ONE, "push",
    )  # fmt: skip
    assert event.request_id


def test_what_comes_late_about_an_account_that_is_closed_does_nothing(full, wxauth_push):
    wxauth_push(CLOSE, "alice")
    before = everything()
    for event in (REVOKE, CLEAN, CLOSE):
        assert wxauth_push(event, "alice", CreateTime=2, RevokeInfo="301").content == b"success"
    assert everything() == before
    assert Event.objects.count() == 1


def test_the_same_ids_would_be_a_stranger_afterwards(full, wxauth_push, fake_wechat):
    before = full.row.pk
    wxauth_push(CLOSE, "alice")
    again = Phone(fake_wechat, "alice")
    assert again.row.pk != before
    assert again.row.nickname == ""


def test_another_wechat_account_of_the_user_stays(full, fake_wechat, wxauth_push, configure):
    other = Phone(fake_wechat, "bob", APP_TWO)
    assert other.post("me/", {"nickname": "大宝"}).status_code == 200
    people.merge(source=other.row.pk, target=full.row.pk, actor="test")
    wxauth_push(CLOSE, "alice")
    person = Identity.objects.get().person
    assert person.pk == full_key(person)
    assert OpenId.objects.get().openid == fake_wechat.person("bob").openid(APP_TWO)
    assert (person.nickname, person.sealed_phone) == ("", None)
    wxauth_push(CLOSE, "bob", APP_TWO)
    assert not Person.objects.exists()


def full_key(person):
    """Whoever was merged into nobody."""
    return Person.objects.get(merged_into=None).pk


@pytest.mark.parametrize("way", [True, False])
def test_who_was_blocked_does_not_get_round_it(full, wxauth_push, fake_wechat, way):
    if way:
        give_password(full)
    Person.objects.update(blocked_at=timezone.now())
    wxauth_push(CLOSE, "alice")
    assert not OpenId.objects.exists()
    code = fake_wechat.login_code("alice")
    assert full.client.post(
        "/api/wxauth/login/", {"code": code}, content_type="application/json"
    ).json()["code"] == "blocked"  # fmt: skip


@pytest.fixture
def staff(full):
    get_user_model().objects.filter(pk=full.row.pk).update(is_staff=True)
    return full


def test_a_member_of_staff_loses_what_is_wechats_and_the_staff_see_why(staff, wxauth_push):
    key = staff.row.pk
    assert wxauth_push(CLOSE, "alice").content == b"success"
    person = Person.objects.get(pk=key)
    assert person.user.is_active
    assert not OpenId.objects.exists()
    assert (person.nickname, person.sealed_phone) == ("", None)
    assert person.deletion_refusal
    assert person.deletion_due_at is not None
    kinds = set(Event.objects.values_list("kind", flat=True))
    assert kinds == {"deletion_refused", "wechat_account_closed"}


def test_ten_thousand_logins_go_by_one_statement(full, wxauth_push):
    give_password(full)
    row = full.login
    now = timezone.now()
    Login.objects.bulk_create(
        Login(
            via_id=row.via_id, person_id=row.person_id, digest=f"d{number}", channel="x",
            created_at=now, expires_at=now,
        )
        for number in range(300)
    )  # fmt: skip
    with capture_statements() as statements:
        wxauth_push(CLOSE, "alice")
    assert not Login.objects.exists()
    assert sum("wxauth_login" in sql for sql in statements) == 1
    # Of these, two are the admin's log, which forgets names. A process asks once for the types of
    # content that it finds names by.
    asked = [sql for sql in statements if "django_content_type" not in sql]
    assert len(asked) <= 16, asked
