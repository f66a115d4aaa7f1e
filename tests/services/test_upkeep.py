"""Upkeep: what is over goes, what an old key sealed is sealed anew, and nothing else changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, connections
from django.utils import timezone

from tests.rows import ONE, TWO, give_phone, make_login, make_openid, session_key
from tests.statements import capture_statements
from wxauth.crypto.keyring import generate_key
from wxauth.models import Event, FailedKey, Login, Person, RememberedBlock, SpentData
from wxauth.services import upkeep
from wxauth.services.profile import phone
from wxauth.wiring import get_keyring

DAY = 24 * 3600
ROOT = Path(__file__).parents[2]


def live():
    return set(Login.objects.filter(revoked_at=None).values_list("pk", flat=True))


# -- clearing ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_expired_logins_go_and_the_others_stay():
    kept = [make_login(life=60), make_login(age=86400, life=1)]
    ended = make_login(life=60)
    Login.objects.filter(pk=ended.pk).revoke(ended.created_at)
    Login.objects.filter(pk=make_login(life=60).pk).revoke(timezone.now() - timedelta(days=31))
    for life in (-30 * DAY - 1, -40 * DAY):
        make_login(life=life)
    kept.append(make_login(life=-29 * DAY))
    cleared = upkeep.clear_expired()
    assert (cleared.expired, cleared.ended) == (3, 0)
    assert set(Login.objects.values_list("pk", flat=True)) == {row.pk for row in [*kept, ended]}


@pytest.mark.django_db
def test_a_project_says_how_long_logins_are_kept(settings):
    rows = [make_login(life=-days * DAY) for days in (1, 100, 179, 181)]
    settings.WXAUTH = {**settings.WXAUTH, "RETENTION": {"logins": 180}}
    assert upkeep.clear_expired().expired == 1
    settings.WXAUTH = {**settings.WXAUTH, "RETENTION": {"logins": 0}}
    assert upkeep.clear_expired().expired == 3
    assert not Login.objects.filter(pk__in=[row.pk for row in rows]).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("batch", [1, 3, 100])
def test_a_login_that_expired_is_kept_without_its_session_key(batch):
    live = make_login(life=60)
    over = [make_login(life=-life) for life in (1, 60, DAY, 20 * DAY)]
    # All at one moment: more than a batch.
    moment = over[1].expires_at
    over += [make_login() for _ in range(5)]
    Login.objects.filter(pk__in=[row.pk for row in over[4:]]).update(expires_at=moment)
    cleared = upkeep.clear_expired(batch=batch)
    assert (cleared.session_keys, cleared.expired) == (9, 0)
    assert [session_key(row) for row in over] == [None] * 9
    assert session_key(live) is not None
    assert upkeep.clear_expired(batch=batch) == upkeep.Cleared()


@pytest.mark.django_db
def test_ending_a_login_never_prolongs_how_long_it_is_kept():
    expired, live = make_login(life=-5 * DAY), make_login(life=60)
    now = timezone.now()
    Login.objects.filter(pk__in=[expired.pk, live.pk]).revoke(now)
    ends = dict(Login.objects.values_list("pk", "expires_at"))
    assert ends == {expired.pk: expired.expires_at, live.pk: now}


@pytest.mark.django_db
def test_events_go_after_three_years_and_no_earlier():
    now = timezone.now()
    for age in (2000, 1096, 1094, 3, 0):
        Event.objects.create(
            kind="linked", user=str(age), created_at=now - timedelta(days=age), detail={}
        )
    assert upkeep.clear_expired(batch=1).events == 2
    assert set(Event.objects.values_list("user", flat=True)) == {"1094", "3", "0"}


@pytest.mark.django_db
def test_remembered_blocks_go_when_they_are_over():
    now = timezone.now()
    for number in range(-3, 3):
        moment = now + timedelta(minutes=number)
        RememberedBlock.objects.create(digest=str(number), expires_at=moment)
    assert upkeep.clear_expired(batch=3) == upkeep.Cleared(blocks=4)
    assert set(RememberedBlock.objects.values_list("digest", flat=True)) == {"1", "2"}


@pytest.mark.django_db
@pytest.mark.parametrize("model", [SpentData, FailedKey])
def test_marks_of_used_data_and_of_keys_that_failed_go_when_they_are_over(model):
    now, rest = timezone.now(), {"failures": 1} if model is FailedKey else {}
    for number in range(-7, 3):
        expires = now + timedelta(minutes=number)
        model.objects.create(digest=f"{number}", expires_at=expires, **rest)
    with capture_statements() as statements:
        assert upkeep.clear_expired(batch=3) == upkeep.Cleared(spent=8)
    deletes = [sql for sql in statements if sql.startswith("DELETE")]
    assert [sql.count(",") + 1 for sql in deletes] == [3, 3, 2]
    assert set(model.objects.values_list("digest", flat=True)) == {"1", "2"}


@pytest.mark.django_db
def test_no_statement_touches_more_rows_than_a_batch():
    openid = make_openid()
    for _ in range(7):
        make_login(openid, life=-31 * DAY)
    with capture_statements() as statements:
        assert upkeep.clear_expired(batch=3).expired == 7
    deletes = [sql for sql in statements if sql.startswith("DELETE")]
    assert [sql.count(",") + 1 for sql in deletes] == [3, 3, 1]
    assert not Login.objects.exists()
    assert upkeep.BATCH <= 5000


@pytest.mark.django_db(transaction=True)
def test_each_batch_is_a_transaction_of_its_own(monkeypatch):
    for _ in range(4):
        make_login(life=-31 * DAY)
    depth = []
    real = upkeep._delete_expired
    monkeypatch.setattr(
        upkeep, "_delete_expired",
        lambda *given: depth.append(len(connection.savepoint_ids)) or real(*given),
    )  # fmt: skip
    upkeep.clear_expired(batch=2)
    # The last three are of used data, of keys that failed, and of remembered blocks.
    assert depth == [0, 0, 0, 0, 0, 0]
    assert not connection.in_atomic_block


@pytest.mark.django_db
def test_the_newest_twenty_logins_of_an_openid_stay():
    alice, bob = make_openid("alice"), make_openid("bob")
    rows = [make_login(alice, age=age) for age in range(25)]
    others = [make_login(bob, age=age) for age in range(20)]
    elsewhere = make_login(make_openid("alice-2", appid=TWO, identity=alice.identity), age=99)
    make_login(alice, age=-9, life=-31 * DAY)
    over = make_login(alice, age=-9)
    Login.objects.filter(pk=over.pk).revoke(over.created_at)

    cleared = upkeep.clear_expired(batch=2)

    assert (cleared.expired, cleared.ended) == (1, 5)
    assert live() == {row.pk for row in [*rows[:20], *others, elsewhere]}
    ended = Login.objects.filter(pk__in=[row.pk for row in rows[20:]])
    assert set(ended.values_list("sealed_session_key", flat=True)) == {None}
    assert ended.count() == 5
    assert upkeep.clear_expired() == upkeep.Cleared()


@pytest.mark.django_db
def test_one_whose_logins_have_ended_is_not_crowded():
    alice = make_openid("alice")
    rows = [make_login(alice, age=age) for age in range(30)]
    Login.objects.filter(pk__in=[row.pk for row in rows[:10]]).revoke(rows[0].created_at)
    for _ in range(5):
        make_login(make_openid())
    with capture_statements() as statements:
        assert upkeep.clear_expired() == upkeep.Cleared()
    # What is over: five tables, and session_keys. Who has many logins, and, of those alone, many
    # live ones.
    assert len(statements) == 8
    assert f"({alice.pk})" in statements[-1].replace("[", "(").replace("]", ")")


# -- rotating ----------------------------------------------------------------------------------

OLD, NEW = generate_key(), generate_key()


@pytest.fixture
def use(settings):
    """Put keys into the settings, as a deployment does."""

    def use(*chosen):
        settings.WXAUTH = {**settings.WXAUTH, "ENCRYPTION_KEYS": list(chosen)}

    use(OLD)
    return use


def sealed():
    """Every sealed value in the database."""
    columns = [
        Login.objects.values_list("sealed_session_key", flat=True),
        Person.objects.values_list("sealed_phone", flat=True),
    ]
    return [value for column in columns for value in column if value is not None]


def current():
    prefix = get_keyring().prefix
    return [value.startswith(prefix) for value in sealed()]


def reseal(**options):
    return {column: vars(sums).copy() for column, sums in upkeep.reseal(**options)}


@pytest.fixture
def stored(use):
    """alice has two logins and a phone number, bob one ended login."""
    logins = [make_login(make_openid(name), session_key=f"key-of-{name}") for name in "ab"]
    logins.append(make_login(logins[0].via, session_key="second"))
    give_phone(logins[0], "+8613800138001")
    Login.objects.filter(pk=logins[1].pk).revoke(logins[1].created_at)

    def readable():
        person = Person.objects.get(pk=logins[0].person_id)
        found = [session_key(login) for login in logins]
        return [*found, phone.read(person).reveal()] == [
            "key-of-a",
            None,
            "second",
            "+8613800138001",
        ]

    return readable


@pytest.mark.django_db
def test_every_value_is_readable_before_between_and_after(use, stored):
    assert stored()
    use(NEW, OLD)
    assert stored()
    assert current() == [False] * 3
    sums = reseal(batch=1)
    assert sums == {
        "wxauth.Login.sealed_session_key": {"resealed": 2, "unreadable": 0, "overtaken": 0},
        "wxauth.Person.sealed_phone": {"resealed": 1, "unreadable": 0, "overtaken": 0},
    }
    assert stored()
    assert current() == [True] * 3
    use(NEW)
    assert stored()
    assert reseal() == {}


@pytest.mark.django_db
def test_a_batch_is_read_at_a_time_by_primary_key_and_written_at_once(use):
    made = [make_login() for _ in range(5)]
    use(NEW, OLD)
    writes = []

    def look(execute, sql, params, many, context):
        if sql.startswith("UPDATE"):
            writes.append((many, len(params), connection.in_atomic_block))
        return execute(sql, params, many, context)

    with capture_statements() as statements, connection.execute_wrapper(look):
        assert len(list(upkeep.reseal(batch=2))) == 3
    assert writes == [(True, 2, True), (True, 2, True), (True, 1, True)]
    reads = [sql for sql in statements if sql.startswith("SELECT")]
    assert all("ORDER BY" in sql and "LIMIT 2" in sql for sql in reads)
    assert len(reads) == 6  # Three with rows, and each column's last one without.
    assert current() == [True] * len(made)


@pytest.mark.django_db
def test_a_row_that_changed_meanwhile_is_not_overwritten(use, stored):
    """Between the read and the write, the login of alice ends and the phone changes."""
    use(NEW, OLD)
    before = Person.objects.exclude(sealed_phone=None).get()
    alices = Login.objects.filter(person=before).order_by("pk")

    def meddle(execute, sql, params, many, context):
        if sql.startswith("UPDATE") and not meddled:
            meddled.append(sql)
            alices.filter(pk=alices[0].pk).revoke(before.created_at)
            give_phone(alices[0], "+8613900139000")
        return execute(sql, params, many, context)

    meddled = []
    with connection.execute_wrapper(meddle):
        sums = reseal()
    assert sums["wxauth.Login.sealed_session_key"]["overtaken"] == 1
    assert alices[0].sealed_session_key is None
    assert phone.read(Person.objects.get(pk=before.pk)).reveal() == "+8613900139000"
    assert current() == [True] * 2


@pytest.mark.django_db
def test_a_phone_that_changed_meanwhile_is_not_overwritten(use, stored):
    use(NEW, OLD)
    login = Login.objects.filter(person__phone_hash__isnull=False).first()
    columns = upkeep.reseal()
    next(columns)  # The logins are done.

    def meddle(execute, sql, params, many, context):
        if sql.startswith("UPDATE") and not meddled:
            meddled.append(sql)
            give_phone(login, "+8613900139000")
        return execute(sql, params, many, context)

    meddled = []
    with connection.execute_wrapper(meddle):
        column, sums = next(columns)
    assert (column, sums.overtaken) == ("wxauth.Person.sealed_phone", 1)
    assert phone.read(Person.objects.get(pk=login.person_id)).reveal() == "+8613900139000"


@pytest.mark.django_db
def test_unreadable_rows_are_counted_left_alone_and_stop_nothing(use, stored):
    use(generate_key())
    lost = make_login()
    before = Login.objects.get(pk=lost.pk).sealed_session_key
    use(NEW, OLD)
    sums = reseal(batch=1)
    assert sums["wxauth.Login.sealed_session_key"] == {
        "resealed": 2, "unreadable": 1, "overtaken": 0,
    }  # fmt: skip
    assert Login.objects.get(pk=lost.pk).sealed_session_key == before
    assert stored()


@pytest.mark.django_db
def test_a_value_copied_to_another_row_is_unreadable_there(use):
    alice, eve = make_login(session_key="alice's"), make_login(session_key="eve's")
    Login.objects.filter(pk=eve.pk).update(sealed_session_key=alice.sealed_session_key)
    use(NEW, OLD)
    sums = reseal()["wxauth.Login.sealed_session_key"]
    assert (sums["resealed"], sums["unreadable"]) == (1, 1)


ROTATION = """
import json, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
from django.conf import settings
chosen = json.loads(sys.argv[1])
settings.DATABASES["default"]["NAME"] = chosen["database"]
settings.WXAUTH = {**settings.WXAUTH, "ENCRYPTION_KEYS": chosen["keys"]}
import django
django.setup()
from django.db import connection
from wxauth.services import upkeep

updates = 0
def pause(execute, sql, params, many, context):
    global updates
    updates += sql.startswith("UPDATE")
    if updates == chosen["stop_at"]:
        print("in the middle", flush=True)
        sys.stdin.read()
    return execute(sql, params, many, context)

with connection.execute_wrapper(pause):
    list(upkeep.reseal(batch=1))
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.waits
def test_a_rotation_that_was_killed_in_the_middle_is_started_again(use):
    made = [make_login(session_key=f"key-{number}") for number in range(6)]
    chosen = {"database": str(connection.settings_dict["NAME"]), "keys": [NEW, OLD], "stop_at": 4}
    with subprocess.Popen(
        [sys.executable, "-c", ROTATION, json.dumps(chosen)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "in the middle\n"
        process.kill()
    use(NEW, OLD)
    assert sorted(current()) == [False] * 3 + [True] * 3
    assert [session_key(login) for login in made] == [f"key-{n}" for n in range(6)]

    assert reseal()["wxauth.Login.sealed_session_key"]["resealed"] == 3

    assert current() == [True] * 6
    use(NEW)
    assert [session_key(login) for login in made] == [f"key-{n}" for n in range(6)]


@pytest.mark.django_db(transaction=True)
def test_logins_go_on_beside_a_rotation(use, fake_wechat):
    from wxauth.services.login.by_code import log_in
    from wxauth.services.login.exchange import get_app
    from wxauth.types import Secret

    made = [make_login() for _ in range(20)]
    use(NEW, OLD)
    codes = [fake_wechat.login_code(name, ONE) for name in ("alice", "bob", "alice", "eve")]
    begun, finished = threading.Event(), []

    def people():
        begun.wait()
        try:
            finished.extend(log_in(app=get_app(ONE), code=Secret(code)).login for code in codes)
        finally:
            connections.close_all()

    thread = threading.Thread(target=people)
    thread.start()
    for _ in upkeep.reseal(batch=2):
        begun.set()
    thread.join()

    assert len(finished) == len(codes)
    assert current() == [True] * (len(made) + len(codes))
    use(NEW)
    for login, name in zip(finished, ("alice", "bob", "alice", "eve"), strict=True):
        assert session_key(login) == fake_wechat.session_key(name, ONE)


UUID_PROJECT = """
import uuid
from django.conf import settings
from wxauth.crypto.keyring import generate_key
from wxauth.testing import FakeWeChat, FakeWeChatServer

old, new = generate_key(), generate_key()
fake = FakeWeChat()
fake.add_app("wx0000000000000001", "the-secret")
server = FakeWeChatServer(fake)
server.__enter__()
settings.configure(
    SECRET_KEY="x", USE_TZ=False, AUTH_USER_MODEL="crowd.User",
    INSTALLED_APPS=["wxauth", "crowd", "django.contrib.auth", "django.contrib.contenttypes"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    WXAUTH={"APPS": {"wx0000000000000001": {"SECRET": "the-secret"}}, "API_BASE": fake.url,
            "ENCRYPTION_KEYS": [old], "LOOKUP_KEY": generate_key()},
)
import django
django.setup()
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)

from django.contrib.auth import get_user_model
from django.test import override_settings
from wxauth.authentication import get_login
from wxauth.models import Person
from wxauth.services.profile import phone
from wxauth.services.login.by_code import log_in
from wxauth.services.login.exchange import get_app
from wxauth.types import Secret

for name in ("alice", "bob", "eve"):
    done = log_in(app=get_app(None), code=Secret(fake.login_code(name)))
    phone.take_encrypted(
        login=done.login, encrypted_data=(data := fake.phone_data(name))["encryptedData"],
        iv=data["iv"],
    )
assert isinstance(done.login.person.pk, uuid.UUID)
declared = settings.WXAUTH
with override_settings(WXAUTH={**declared, "ENCRYPTION_KEYS": [new, old]}):
    call_command("wxauth_rotate_keys")
with override_settings(WXAUTH={**declared, "ENCRYPTION_KEYS": [new]}):
    numbers = sorted(phone.read(person).reveal() for person in Person.objects.all())
    assert numbers == ["+8613800138001", "+8613800138002", "+8613800138003"], numbers
    assert get_login(done.token.reveal()).person.user.pk == done.login.person_id
    call_command("wxauth_clear_expired")
server.__exit__(None, None, None)
"""

UUID_MODELS = """
import uuid
from django.contrib.auth.models import AbstractBaseUser
from django.db import models

class User(AbstractBaseUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    handle = models.CharField(max_length=40, unique=True)
    USERNAME_FIELD = "handle"
"""


@pytest.mark.waits
def test_a_user_model_with_uuid_keys_and_naive_times_works_too(tmp_path):
    (tmp_path / "crowd").mkdir()
    (tmp_path / "crowd/__init__.py").touch()
    (tmp_path / "crowd/models.py").write_text(UUID_MODELS)
    done = subprocess.run(
        [sys.executable, "-c", UUID_PROJECT],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Everything is sealed with the newest key." in done.stdout
