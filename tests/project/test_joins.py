"""Two users turn out to be one person, while many requests of theirs are on the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection, connections, transaction
from django.test import Client

from tests.project.test_races import (
    log_in,
    one_user,
    processes,  # noqa: F401 - a fixture
    room_for_everybody,  # noqa: F401 - a fixture
    rows,
)
from tests.rows import make_openid
from tests.shop.models import Order
from tests.together import together
from wxauth.authentication import get_login
from wxauth.models import Conflict, Event, Identity, Merge, OpenId, Person
from wxauth.services.login import admission
from wxauth.services.merging import merges
from wxauth.signals import conflict_found, merged

ROOT = Path(__file__).parents[2]
ONE, TWO = "wx0000000000000001", "wx0000000000000002"
THREE, FOUR = "wx0000000000000003", "wx0000000000000004"
ROUNDS = int(os.environ.get("RACE_ROUNDS", 1 if connection.vendor == "sqlite" else 20))
AT_ONCE = 8

pytestmark = pytest.mark.django_db(transaction=True)
User = get_user_model()


@pytest.fixture
def heard():
    """The news of merges and conflicts, in the order of their arrival."""
    news = []

    def hear(signal, **kwargs):
        news.append(signal)

    for signal in (merged, conflict_found):
        signal.connect(hear)
    yield news
    for signal in (merged, conflict_found):
        signal.disconnect(hear)


@pytest.fixture(params=["default", "repeatable read", "serializable"])
def isolation(request):
    """What the database does by itself, and two stricter levels of isolation."""
    if request.param == "default":
        yield
        return
    if connection.vendor == "sqlite":
        pytest.skip("SQLite knows one level, and it is serializable.")
    level = request.param
    if connection.vendor == "postgresql":
        from django.db.backends.postgresql.psycopg_any import IsolationLevel

        level = IsolationLevel[level.upper().replace(" ", "_")]
    options = connections.settings["default"]["OPTIONS"]
    before = options.get("isolation_level")
    options["isolation_level"] = level
    yield
    if before is None:
        del options["isolation_level"]
    else:
        options["isolation_level"] = before


def enter(fake, calls):
    """All these logins at once; whoever is told to come back comes back. Answers the bodies."""
    answers = []
    while calls:
        batch = together([log_in(fake, *call) for call in calls])
        refused = [body["code"] for status, body in batch if status != 200]
        assert set(refused) <= {"database_unavailable"}, batch
        answers += [body for status, body in batch if status == 200]
        calls = [call for call, (status, _) in zip(calls, batch, strict=True) if status != 200]
    return answers


def clear():
    User._base_manager.all().delete()
    Event.objects.all()._raw_delete("default")
    Merge.objects.all().delete()


def bind(fake, name, unionid, platform="default"):
    fake.person(name).unionids[platform] = unionid


def kinds():
    return sorted(Event.objects.values_list("kind", flat=True))


def test_two_users_who_learn_at_the_same_moment_that_they_are_one(fake_wechat, heard, isolation):
    for number in range(ROUNDS):
        name = fake_wechat.add_person(f"late-{number}", unionid=None).name
        enter(fake_wechat, [(name, ONE), (name, TWO)])
        assert User.objects.count() == 2
        bind(fake_wechat, name, f"union-{number}")
        answers = enter(fake_wechat, [(name, app) for app in (ONE, TWO)] * (AT_ONCE // 2))
        # A login that was faster than the join ended with it; from now on there is one user.
        answers = enter(fake_wechat, [(name, ONE), (name, TWO)])

        (survivor,) = User.objects.filter(is_active=True)
        assert {body["user"]["id"] for body in answers} == {str(survivor.pk)}
        assert Identity.objects.count() == 1
        assert set(OpenId.objects.values_list("identity__person", flat=True)) == {survivor.pk}
        assert OpenId.objects.count() == 2
        for body in answers:
            assert get_login(body["token"]).person_id == survivor.pk
        assert kinds() == ["joined"]
        assert heard == [merged]
        heard.clear()
        clear()


def test_two_users_who_both_have_something_are_noted_once(fake_wechat, heard, isolation):
    for number in range(ROUNDS):
        name = fake_wechat.add_person(f"busy-{number}", unionid=None).name
        ids = [body["user"]["id"] for body in enter(fake_wechat, [(name, ONE), (name, TWO)])]
        for key in ids:
            Order.objects.create(user_id=key, text="tea")
        bind(fake_wechat, name, f"union-{number}")
        answers = enter(fake_wechat, [(name, app) for app in (ONE, TWO)] * (AT_ONCE // 2))

        assert {body["user"]["id"] for body in answers} == set(ids)
        assert Conflict.objects.count() == 1
        assert kinds() == ["conflict"]
        assert heard == [conflict_found]
        heard.clear()
        clear()


@pytest.mark.waits
def test_sixteen_processes_meet_one_person_in_two_apps(fake_wechat, processes):  # noqa: F811
    for number in range(ROUNDS):
        name = fake_wechat.add_person(f"traveller-{number}", unionid=f"union-{number}").name
        for process in processes:
            requests = [
                {"code": fake_wechat.login_code(name, appid), "appid": appid}
                for appid in (ONE, TWO)
            ]
            print(json.dumps(requests), file=process.stdin, flush=True)
        answers = [
            answer for process in processes for answer in json.loads(process.stdout.readline())
        ]

        one_user(answers)
        found = rows()
        assert found.pop("logins") == len(answers)
        assert found == {"users": 1, "persons": 1, "identities": 1, "openids": 2}
        assert kinds() == []
        clear()


@pytest.fixture
def four_apps(fake_wechat, settings):
    """Two apps on each of two platforms."""
    apps = {}
    for appid, platform in ((ONE, "east"), (TWO, "east"), (THREE, "west"), (FOUR, "west")):
        apps[appid] = {"SECRET": f"secret-of-{appid}", "PLATFORM": platform}
        fake_wechat.add_app(appid, apps[appid]["SECRET"], platform=platform)
    settings.WXAUTH = {**settings.WXAUTH, "APPS": apps}


def test_two_users_who_cross(fake_wechat, four_apps, heard, isolation):
    """In the east the first brings what the second owns, in the west the other way round."""
    for number in range(ROUNDS):
        names = [fake_wechat.add_person(f"{side}-{number}").name for side in ("left", "right")]
        for name in names:
            for platform in ("east", "west"):
                bind(fake_wechat, name, None, platform)
        bind(fake_wechat, names[0], f"west-{number}", "west")
        bind(fake_wechat, names[1], f"east-{number}", "east")
        # left: openid in app one without unionid, and the owner of the west's; right: likewise.
        (left,) = enter(fake_wechat, [(names[0], ONE)])
        (right,) = enter(fake_wechat, [(names[1], TWO)])
        (west,) = enter(fake_wechat, [(names[0], THREE)])
        merges.merge(source=west["user"]["id"], target=left["user"]["id"], actor="test")
        bind(fake_wechat, names[1], None, "west")
        (lone,) = enter(fake_wechat, [(names[1], FOUR)])
        merges.merge(source=lone["user"]["id"], target=right["user"]["id"], actor="test")
        bind(fake_wechat, names[0], f"east-{number}", "east")
        bind(fake_wechat, names[1], f"west-{number}", "west")
        heard.clear()
        enter(fake_wechat, [(names[0], ONE), (names[1], FOUR)] * (AT_ONCE // 2))
        answers = enter(fake_wechat, [(names[0], ONE), (names[1], FOUR)])

        assert len({body["user"]["id"] for body in answers}) == 1
        assert User.objects.filter(is_active=True).count() == 1
        assert kinds() == ["joined", "merged", "merged"]
        assert heard == [merged]
        clear()


def link(fake, token, person, appid):
    request = {"code": fake.login_code(person, appid), "appid": appid}

    def send():
        answer = Client(raise_request_exception=False).post(
            "/api/wxauth/link/",
            request,
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
        )
        return answer.status_code, answer.json()

    return send


@pytest.mark.parametrize("arrives", ["link", "login"])
def test_one_stranger_whom_several_users_link_at_the_same_moment(
    fake_wechat, four_apps, settings, arrives
):
    """Somebody gets the openid, once; whoever comes second changes nothing."""
    settings.WXAUTH = {
        **settings.WXAUTH,
        "LIMITS": {"link": "9999/min", "login_address": "9999/min"},
    }
    tokens = [body["token"] for body in enter(fake_wechat, [(n, ONE) for n in ("alice", "bob")])]
    for number in range(ROUNDS):
        name = fake_wechat.add_person(f"stranger-{number}", unionid=f"union-{number}").name
        appid = THREE if number % 2 else TWO  # Nobody has two openids in one app.
        calls = [link(fake_wechat, token, name, appid) for token in tokens]
        if arrives == "login":
            calls[0] = log_in(fake_wechat, name, appid)
        answers = together(calls)

        identity = OpenId.objects.get(openid=fake_wechat.person(name).openid(appid)).identity
        owner = identity.person
        won = [body for status, body in answers if status == 200]
        assert [body["user"]["id"] for body in won] == [str(owner.pk)] * len(won)
        # A login that comes second is a login as whoever linked the openid.
        assert len(won) == 1 or (arrives == "login" and len(won) == 2), answers
        lost = [body["code"] for status, body in answers if status != 200]
        assert set(lost) <= {"conflict"}, answers
        identity.delete()
    assert Event.objects.filter(kind="linked").count() <= ROUNDS


def waits_for_a_lock():
    """Whether some other connection waits for one, as the database tells."""
    question = (
        "SELECT count(*) FROM pg_locks WHERE NOT granted"
        if connection.vendor == "postgresql"
        else "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
    )
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0] > 0


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one lock: nothing crosses.")
def test_a_merge_that_is_the_victim_of_a_deadlock_happens_once(heard):
    one, other = (make_openid(name).identity.person for name in ("alice", "bob"))
    Order.objects.create(user=one.user, text="tea")
    done = []

    def merge():
        try:
            done.append(merges.merge(source=one.pk, target=other.pk, actor="test"))
        finally:
            connections.close_all()

    thread = threading.Thread(target=merge)
    # Whoever is chosen as the victim: the merge starts again, and this transaction may go.
    with suppress(OperationalError), transaction.atomic():
        User.objects.select_for_update().get(pk=other.pk)
        thread.start()
        deadline = time.monotonic() + 30
        while not waits_for_a_lock():
            assert time.monotonic() < deadline
            time.sleep(0.2)  # MariaDB shows news to those who have not asked for 0.1 s.
        User.objects.select_for_update().get(pk=one.pk)
    thread.join()

    assert len(done) == 1
    assert kinds() == ["merged"]
    assert heard == [merged]
    assert Order.objects.get().user_id == other.pk


def test_a_merge_and_its_undoing_do_not_lose_a_login(fake_wechat):
    """Logins go on meanwhile: afterwards every token is its owner's."""
    names = [fake_wechat.add_person(name, unionid=f"u-{name}").name for name in ("left", "right")]
    left, right = (body["user"]["id"] for body in enter(fake_wechat, [(n, ONE) for n in names]))
    tokens = {name: [] for name in names}

    def visit(name):
        def call():
            for body in (log_in(fake_wechat, name, ONE)()[1] for _ in range(6)):
                if "token" in body:
                    tokens[name].append(body["token"])

        return call

    def back_and_forth():
        for _ in range(3):
            done = merges.merge(source=left, target=right, actor="test")
            merges.undo(merge_id=done.pk, actor="test")

    together([*(visit(name) for name in names * 2), back_and_forth])

    owners = {names[0]: left, names[1]: right}
    for name, handed_out in tokens.items():
        alive = [login for token in handed_out if (login := get_login(token)) is not None]
        assert {str(login.person_id) for login in alive} <= {owners[name]}
    assert Person.objects.filter(merged_into=None).count() == 2


KILLED = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from wxauth.services.merging import accounts, merges
def die(*args, **kwargs):
    print("in the middle", flush=True)
    os.kill(os.getpid(), 9)
accounts._take_block = die
merges.merge(source=sys.argv[2], target=sys.argv[3], actor="test")
"""


@pytest.mark.waits
def test_a_merge_that_is_killed_in_the_middle_leaves_nothing_half_done():
    one, other = (make_openid(name).identity.person for name in ("alice", "bob"))
    Order.objects.create(user=one.user, text="tea")
    database = str(connection.settings_dict["NAME"])
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, database, str(one.pk), str(other.pk)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (killed.returncode, killed.stdout) == (-9, "in the middle\n"), killed.stderr
    assert Order.objects.get().user_id == one.pk
    assert Identity.objects.get(unionid="union-alice").person_id == one.pk
    assert not Merge.objects.exists()
    # And nothing holds it up now.
    merges.merge(source=one.pk, target=other.pk, actor="test")
    assert Order.objects.get().user_id == other.pk


def test_an_identity_that_got_an_openid_meanwhile_stays():
    """Between the look whether it is empty and its going, another app's openid came."""
    openid = make_openid("alice")
    old, person = openid.identity, openid.identity.person
    new = Identity.objects.create(person=person, platform="default", unionid="new")
    make_openid("alice", appid=TWO, identity=old)
    with transaction.atomic():
        assert not admission.rehome(openid, old, new)
    assert Identity.objects.filter(pk=old.pk).exists()
    assert OpenId.objects.filter(identity=old).count() == 1
