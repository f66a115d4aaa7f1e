"""Taking over the people whom a project has already, and writing everybody down again."""

from __future__ import annotations

import csv
import io
import json
import stat

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from tests.rows import ONE, TWO, make_login, make_openid
from tests.shop.models import Order
from wxauth.models import Event, Identity, Login, OpenId, Person
from wxauth.services.login.by_code import log_in
from wxauth.services.login.exchange import get_app
from wxauth.services.profile import phone
from wxauth.services.transfer import importing
from wxauth.types import Secret

pytestmark = pytest.mark.django_db
User = get_user_model()


@pytest.fixture(autouse=True)
def _english(settings):
    settings.LANGUAGE_CODE = "en"


@pytest.fixture
def users():
    """Three people who signed up before there was wxauth."""
    return [User.objects.create_user(name) for name in ("alice", "bob", "eve")]


@pytest.fixture
def write(tmp_path):
    def write(lines, name="people.jsonl"):
        path = tmp_path / name
        if path.suffix == ".csv":
            text = io.StringIO()
            writer = csv.DictWriter(text, list(lines[0]))
            writer.writeheader()
            writer.writerows(lines)
            path.write_text("\ufeff" + text.getvalue(), "utf-8")
        else:
            path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
        return path

    return write


def run(*args, **options):
    out = io.StringIO()
    call_command("wxauth_import", *args, stdout=out, **options)
    return out.getvalue()


def state():
    models = (User, Person, Identity, OpenId, Login, Event)
    return {
        model.__name__: sorted(map(repr, model._base_manager.values_list(*columns(model))))
        for model in models
    }


def columns(model):
    """All but the sealed number: sealed anew, it looks different."""
    return [f.attname for f in model._meta.concrete_fields if f.attname != "sealed_phone"]


def line(user, openid=None, **more):
    openid = f"o-{user.username}" if openid is None else openid
    return {"openid": openid, "appid": ONE, "user": user.pk, **more}


@pytest.mark.parametrize("name", ["people.csv", "people.jsonl"])
def test_people_are_taken_over(users, write, name, fake_wechat):
    alice, bob, _ = users
    path = write(
        [
            line(alice, unionid="u-alice", nickname="爱丽丝", phone="13800001111"),
            line(bob, unionid="", nickname="", phone=""),
        ],
        name,
    )
    assert "2 added, 0 changed, 0 unchanged, 0 refused." in run(path)
    person = Person.objects.get(pk=alice.pk)
    assert (person.nickname, person.nickname_appid) == ("爱丽丝", ONE)
    assert phone.read(person) is not None
    assert Identity.objects.get(person=bob.pk).unionid is None
    # And from now on they log in as themselves.
    fake_wechat.add_person("alice", appid=ONE, openid="o-alice", unionid="u-alice")
    done = log_in(app=get_app(ONE), code=Secret(fake_wechat.login_code("alice", ONE)))
    assert (done.login.person_id, done.created) == (alice.pk, False)


def test_a_second_run_changes_nothing(users, write):
    path = write(
        [line(user, unionid=f"u-{user.pk}", phone=f"1380000{user.pk:04}") for user in users]
    )
    run(path)
    before = state()
    assert "0 added, 0 changed, 3 unchanged, 0 refused." in run(path)
    assert state() == before


def test_a_dry_run_says_the_same_and_writes_nothing(users, write):
    path = write([line(users[0]), line(users[1], openid="o-alice")])
    before = state()
    said = run(path, dry_run=True)
    assert "1 added, 0 changed, 0 unchanged, 1 refused." in said
    assert state() == before
    assert run(path) in said


def test_an_import_that_was_killed_is_started_again(users, write, monkeypatch):
    monkeypatch.setattr(importing, "BATCH", 1)
    path = write([line(user) for user in users])
    saved = importing._Batch.save

    def save(batch):
        if OpenId.objects.count() == 2:
            raise KeyboardInterrupt
        saved(batch)

    with monkeypatch.context() as patch:
        patch.setattr(importing._Batch, "save", save)
        with pytest.raises(KeyboardInterrupt):
            run(path)
    assert OpenId.objects.count() == 2
    assert "1 added, 0 changed, 2 unchanged, 0 refused." in run(path)


def test_nobody_gets_a_new_owner(users, write):
    alice, _, _ = users
    taken = make_login(make_openid("taken"))
    phone.keep(login=taken, number=Secret("+8613800009999"))
    merged = make_openid("merged").identity.person
    Person.objects.filter(pk=merged.pk).update(merged_into=taken.person)
    before = state()
    path = write(
        [
            {**line(alice), "user": 999_999},
            {**line(alice), "user": "no key"},
            {**line(alice), "user": 10**30},
            line(alice, openid="o-taken"),
            line(alice, unionid="union-taken"),
            line(alice, phone="13800009999"),
            line(merged.user, openid="o-new"),
            {**line(alice), "appid": "wx-unknown"},
            line(alice, openid=""),
            line(alice, openid="o blank"),
            line(alice, phone="12"),
            line(alice, nickname=["no text"]),
            {"openid": "o-1"},
            ["no object"],
        ]
    )
    said = run(path)
    assert "0 added, 0 changed, 0 unchanged, 14 refused." in said
    assert [int(text.split()[1][:-1]) for text in said.splitlines()[:-1]] == list(range(1, 15))
    assert "o-taken" not in said
    assert "9999" not in said
    assert state() == before


def test_lines_that_contradict_each_other_are_settled_by_the_first(users, write):
    alice, bob, eve = users
    path = write(
        [
            line(alice, unionid="u-1"),
            line(bob, openid="o-alice"),
            line(bob, unionid="u-1"),
            line(alice, openid="o-alice-2", appid=TWO, unionid="u-1"),
            line(eve, phone="13800001111"),
            line(bob, phone="13800001111"),
        ]
    )
    assert "3 added, 0 changed, 0 unchanged, 3 refused." in run(path)
    assert OpenId.objects.filter(identity__unionid="u-1", identity__person=alice.pk).count() == 2


def test_broken_lines_do_not_stop_the_others(users, tmp_path):
    path = tmp_path / "people.jsonl"
    good = json.dumps(line(users[0]))
    path.write_bytes(b"{broken\n\xff\n" + good.encode() + b"\n\n" + b"[" * 100_000 + b"\n")
    assert "1 added, 0 changed, 0 unchanged, 3 refused." in run(path)


def test_a_line_that_says_two_things_is_refused_and_a_byte_order_mark_is_not(users, tmp_path):
    path = tmp_path / "people.jsonl"
    marks = [b"\xef\xbb\xbf" + json.dumps(line(user)).encode() for user in users[:2]]
    twice = json.dumps(line(users[0])).replace("{", '{"user": "1", ', 1).encode()
    half = json.dumps(line(users[0], nickname="\ud800")).encode()
    path.write_bytes(b"\n".join([*marks, twice, half]))
    assert "2 added, 0 changed, 0 unchanged, 2 refused." in run(path)


def test_what_a_person_has_already_stays(users, write):
    path = write([line(users[0], nickname="Old", phone="13800001111", unionid="u-old")])
    run(path)
    path = write([line(users[0], nickname="New", phone="13800002222", unionid="u-new")])
    assert "1 refused" in run(path)  # Another unionid: what a login said is newer.
    path = write([line(users[0], nickname="New", phone="13800002222")])
    assert "1 unchanged" in run(path)
    person = Person.objects.get(pk=users[0].pk)
    assert person.nickname == "Old"
    assert person.phone_hash == phone.digest(Secret("+8613800001111"))


def test_what_is_missing_is_filled_in(users, write):
    run(write([line(users[0])]))
    assert "1 changed" in run(write([line(users[0], nickname="Alice", unionid="u-alice")]))
    assert Identity.objects.get().unionid == "u-alice"
    assert Person.objects.get().nickname == "Alice"


def test_a_unionid_brings_two_openids_of_one_user_under_one_identity(users, write):
    alice = users[0]
    run(write([line(alice), line(alice, openid="o-2", appid=TWO, unionid="u-alice")]))
    assert Identity.objects.count() == 2
    assert "1 changed" in run(write([line(alice, unionid="u-alice")]))
    assert Identity.objects.get().openids.count() == 2


def test_lines_without_an_app_are_of_the_default_or_the_named_one(users, write):
    path = write([{"openid": "o-1", "user": users[0].pk}])
    run(path)
    run(path, appid=TWO)
    assert set(OpenId.objects.values_list("appid", flat=True)) == {ONE, TWO}


def test_refused_lines_go_to_a_file(users, write, tmp_path):
    report = tmp_path / "refused.txt"
    said = run(write([line(users[0], openid="")]), refused=report)
    assert said.splitlines() == ["0 added, 0 changed, 0 unchanged, 1 refused."]
    assert report.read_text().startswith("line 1: ")


def test_a_file_that_is_none_is_an_error(tmp_path, write):
    path = tmp_path / "people.csv"
    with pytest.raises(CommandError):
        run(path)
    path.write_text("name\nalice\n")
    with pytest.raises(CommandError, match="column"):
        run(path)
    path.write_bytes(b"openid,user\n\xff\xfe,1\n")
    with pytest.raises(CommandError, match="UTF-8"):
        run(path)
    for arguments in ((), (path, "--from-model", "users.User")):
        with pytest.raises(CommandError):
            run(*arguments)


def test_people_come_from_the_projects_own_table(users):
    """Here the text of an order stands for a legacy column."""
    alice, bob, _ = users
    User.objects.filter(pk=alice.pk).update(last_name="o-alice", first_name="Alice")
    run(from_model="users.User", openid="last_name", nickname="first_name", appid=ONE)
    assert OpenId.objects.get().identity.person_id == alice.pk
    assert Person.objects.get().nickname == "Alice"
    Order.objects.create(user=bob, text="o-bob")
    run(from_model="shop.Order", openid="text", user="user_id", appid=ONE)
    assert OpenId.objects.get(openid="o-bob").identity.person_id == bob.pk
    for wrong in (
        {"from_model": "shop.Nothing", "openid": "text"},
        {"from_model": "shop.Order", "openid": "text"},
        {"from_model": "shop.Order", "openid": "nothing", "user": "user_id"},
        {"from_model": "users.User"},
    ):
        with pytest.raises(CommandError):
            run(**wrong)


def test_more_than_one_batch(monkeypatch, write):
    monkeypatch.setattr(importing, "BATCH", 7)
    User.objects.bulk_create(User(username=f"u{n}") for n in range(30))
    lines = [line(user, unionid=f"u-{user.pk}") for user in User.objects.all()]
    assert "30 added" in run(write(lines))


def test_with_a_database_that_does_not_tell_new_keys(users, write, monkeypatch):
    """MySQL."""
    from django.db import connection

    monkeypatch.setattr(type(connection.features), "can_return_rows_from_bulk_insert", False)
    assert "2 added" in run(write([line(users[0]), line(users[1], unionid="u-bob")]))
    assert OpenId.objects.get(openid="o-bob").identity.unionid == "u-bob"


# -- export ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_what_is_exported_can_be_imported(users, write, tmp_path, name):
    alice, bob, _ = users
    run(
        write(
            [
                line(alice, unionid="u-alice", nickname='A "quoted", name', phone="13800001111"),
                line(alice, openid="o-2", appid=TWO, unionid="u-alice"),
                line(bob),
            ]
        )
    )
    path = tmp_path / name
    call_command("wxauth_export", path, phones=True, stdout=io.StringIO())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = state()
    assert "0 added, 0 changed, 3 unchanged, 0 refused." in run(path)
    Person.objects.all().delete()
    assert "3 added" in run(path)
    after = state()
    assert len(after["OpenId"]) == len(before["OpenId"])
    assert Person.objects.get(pk=alice.pk).nickname == 'A "quoted", name'
    with pytest.raises(CommandError):
        call_command("wxauth_export", path)


@pytest.mark.parametrize(
    "nickname",
    ['=HYPERLINK("http://eve.example")', "+1", "-1+1", "@SUM(1)", "'=1", "'", "''", "'quoted'"],
)
def test_no_cell_of_an_export_is_a_formula_and_all_of_it_comes_back(
    users, write, tmp_path, nickname
):
    """eve calls herself like a formula; a member of staff opens the file in a spreadsheet."""
    run(write([line(users[2], nickname=nickname, phone="13800001111")]))
    path = tmp_path / "out.csv"
    call_command("wxauth_export", path, phones=True, stdout=io.StringIO())
    with path.open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    Person.objects.all().delete()
    assert "1 added" in run(path)
    assert Person.objects.get(pk=users[2].pk).nickname == nickname


def test_numbers_are_exported_only_when_asked_for(users, write, tmp_path):
    run(write([line(users[0], phone="13800001111")]))
    path = tmp_path / "out.csv"
    call_command("wxauth_export", path, stdout=io.StringIO())
    assert "3800001111" not in path.read_text()
    assert "phone" not in path.read_text()
