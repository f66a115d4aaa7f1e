"""Of somebody who was erased nothing is found, wherever one looks: only that they were blocked."""

from __future__ import annotations

import io
import json
import logging
import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from PIL import Image

from tests.rows import ONE, TWO
from wxauth.models import Conflict, Event, Login, Merge, OpenId, Person, RememberedBlock, SpentData
from wxauth.services import transactions
from wxauth.services.login.admission import admit
from wxauth.services.login.exchange import get_app
from wxauth.services.merging import merges
from wxauth.types import Session
from wxauth.wiring import get_lookup_key

pytestmark = [pytest.mark.waits, pytest.mark.django_db(transaction=True)]
User = get_user_model()

PLANTED = {
    "openid": "o-planted-openid-of-alice",
    "another openid": "o-planted-openid-two",
    "unionid": "u-planted-unionid-of-alice",
    "nickname": "planted 爱丽丝",
    "second nickname": "planted Al",
    "phone": "13912347391",
    "phone of the second": "13912347392",
    "address": "198.51.100.77",
    "device": "PlantedPhone/1.0",
    "e-mail": "planted@example.com",
    "WeChat's picture": "https://thirdwx.qlogo.cn/planted/132",
    "reason of the block": "planted reason",
}


@pytest.fixture
def told():
    """Every log line of a whole life, with all that hangs on it."""
    lines = []

    class Keep(logging.Handler):
        def emit(self, record):
            lines.append(f"{record.getMessage()} {vars(record)!r}")

    handler, root = Keep(logging.DEBUG), logging.getLogger()
    # Django's own templates say at DEBUG, with all that they know, what they do not know.
    loggers = [root, logging.getLogger("wxauth"), logging.getLogger("django.template")]
    levels = [logger.level for logger in loggers]
    root.addHandler(handler)
    for logger, level in zip(loggers, ("DEBUG", "DEBUG", "INFO"), strict=True):
        logger.setLevel(level)
    yield lines
    root.removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def dump_database():
    """Table → every row of it, as text: also of what the ORM has no word for."""
    with connection.cursor() as cursor:
        tables = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            tables[table] = repr([[_text(value) for value in row] for row in cursor.fetchall()])
    return tables


def _text(value):
    return bytes(value).decode("latin-1") if isinstance(value, (bytes, memoryview)) else str(value)


def dump_cache():
    cache = caches["default"]
    if hasattr(cache, "_cache") and isinstance(cache._cache, dict):
        return repr(cache._cache)
    client = cache._cache.get_client()
    return repr([(key, client.get(key)) for key in client.scan_iter(f"{cache.key_prefix}*")])


def dump_media(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return repr([(str(path), path.read_bytes()) for path in files])


def found(places, needles):
    return sorted(
        f"{name} in {place}: {text[max(0, text.find(form) - 60) : text.find(form) + 40]!r}"
        for place, text in places.items()
        for name, needle in needles.items()
        for form in {needle, json.dumps(needle)[1:-1], repr(needle)[1:-1]}
        if form in text
    )


class Alice:
    """Her phone, in two mini-programs."""

    def __init__(self, fake):
        self.fake, self.tokens = fake, {}
        self.client = Client(
            REMOTE_ADDR=PLANTED["address"], headers={"User-Agent": PLANTED["device"]}
        )

    def send(self, method, path, body=None, appid=ONE, **rest):
        headers = {"Authorization": f"Bearer {self.tokens.get(appid, '')}"}
        if method == "FILE":
            return self.client.post(f"/api/wxauth/{path}", body, headers=headers)
        return self.client.generic(
            method, f"/api/wxauth/{path}", json.dumps(body or {}), "application/json",
            headers=headers, **rest,
        )  # fmt: skip

    def log_in(self, appid=ONE):
        body = {"code": self.fake.login_code("alice", appid), "appid": appid}
        self.tokens[appid] = self.send("POST", "login/", body).json()["token"]


def live(fake):
    """Everything that leaves something behind. Answers alice's key."""
    fake.add_person(
        "alice", openid=PLANTED["openid"], unionid=PLANTED["unionid"], phone=PLANTED["phone"]
    )
    fake.add_person("alice", appid=TWO, openid=PLANTED["another openid"])
    alice = Alice(fake)
    for appid in (ONE, TWO, ONE):
        alice.log_in(appid)
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    picture.seek(0)
    picture.name = "a.png"
    data = fake.user_info("alice", ONE, real=True)
    opened = {name: data[name] for name in ("encryptedData", "iv")}
    answers = [
        alice.send("FILE", "me/avatar/", {"avatar": picture}),
        alice.send("POST", "me/", {"nickname": PLANTED["nickname"]}),
        alice.send("POST", "me/phone/", {"phone_code": fake.phone_code("alice", ONE)}),
        alice.send("POST", "decrypt/", fake.werun_data("alice", ONE)),
        alice.send("GET", "me/export/"),
        alice.send("DELETE", "me/logins/1/"),
    ]
    assert [each.status_code for each in answers[:5]] == [200] * 5
    assert alice.send("POST", "me/userinfo/", {**opened, "iv": "A" * 24}).status_code == 400
    person = OpenId.objects.get(openid=PLANTED["openid"]).identity.person
    Person.objects.filter(pk=person.pk).update(avatar_url=PLANTED["WeChat's picture"])
    User.objects.filter(pk=person.pk).update(email=PLANTED["e-mail"], first_name="planted Alice")
    return alice, person


def add_second(fake, person):
    """Somebody who was merged into her, and left more than she could take over."""
    fake.add_person("al", openid="o-planted-al", unionid="u-planted-al")
    second = Alice(fake)
    body = {"code": fake.login_code("al", ONE), "appid": ONE}
    second.tokens[ONE] = second.send("POST", "login/", body).json()["token"]
    second.send("POST", "me/", {"nickname": PLANTED["second nickname"]})
    fake.add_person("al", phone=PLANTED["phone of the second"])
    second.send("POST", "me/phone/", {"phone_code": fake.phone_code("al", ONE)})
    al = OpenId.objects.get(openid="o-planted-al").identity.person
    merges.merge(source=al.pk, target=person.pk, actor="test")


def look_after(person, staff):
    """What the staff leave behind."""
    client = Client()
    client.force_login(staff)
    address = f"/admin/wxauth/person/{person.pk}/"
    assert client.get(f"{address}change/").status_code == 200
    shown = client.post(f"{address}phone/", {"reason": "parcel came back"})
    assert PLANTED["phone"] in shown.content.decode()
    rows = (person, person.user, OpenId.objects.get(openid=PLANTED["openid"]))
    LogEntry.objects.log_actions(staff.pk, rows, CHANGE, "x")
    now = timezone.now()
    other = User.objects.create(username="bob")
    bob = Person.objects.create(user=other, created_at=now, nickname="Bob")
    Conflict.objects.create(person=person, owner=bob, appid=ONE, created_at=now)
    Person.objects.filter(pk=person.pk).update(
        blocked_at=now, blocked_by=staff.username, blocked_reason=PLANTED["reason of the block"]
    )


def test_wherever_one_looks_nothing_is_found(fake_wechat, media, told, settings):
    cache = caches["default"]
    cache.clear()
    staff = User.objects.create_superuser("carol")
    alice, person = live(fake_wechat)
    add_second(fake_wechat, person)
    look_after(person, staff)
    person.refresh_from_db()
    needles = {
        **PLANTED,
        "al": "planted-al",
        "username": person.user.username,
        "name": "planted Alice",
        "phone hash": person.phone_hash,
        "phone tail": person.phone_tail,
        "sealed phone": person.sealed_phone,
        "picture": person.avatar.name,
        "token": alice.tokens[ONE],
        "token digest": Login.objects.filter(via__openid=PLANTED["openid"]).latest("pk").digest,
        "last four": f"{PLANTED['phone'][-4:]}",
    }
    before = {**dump_database(), "media": dump_media(media)}
    # Without this the search below would find nothing because it looks at nothing.
    hidden = {"phone", "phone of the second", "token", "last four"}
    assert {name for name in needles if found(before, {name: needles[name]})} >= set(needles) - (
        hidden | {"picture"}
    )
    assert Merge.objects.get().accounts
    assert SpentData.objects.exists()

    Person.objects.filter(pk=person.pk).update(
        deletion_asked_at=timezone.now() - timedelta(days=8),
        deletion_due_at=timezone.now() - timedelta(days=1),
    )
    call_command("wxauth_clear_expired", stdout=io.StringIO())

    assert not Person.objects.filter(pk=person.pk).exists()
    places = {**dump_database(), "media": dump_media(media), "cache": dump_cache()}
    # Four digits stand in times and hashes by chance; as a word of their own they would be hers.
    four = needles.pop("last four")
    assert found(places, needles) == []
    alone = re.compile(rf"(?<![\w.:-]){four}(?![\w.:-])")
    assert [place for place in places if alone.search(places[place])] == []
    # Nor was it ever told, but to those who are meant to know.
    log = {f"log {number}": line for number, line in enumerate(told)}
    assert len(log) > 10
    told_to_us = {name: needles[name] for name in needles if name != "username"}
    assert found(log, told_to_us) == []

    # What is left: a keyed hash for each id of somebody who was blocked ...
    ids = [("openid", ONE, PLANTED["openid"]), ("openid", TWO, PLANTED["another openid"]),
           ("unionid", "default", PLANTED["unionid"]), ("openid", ONE, "o-planted-al"),
           ("unionid", "default", "u-planted-al")]  # fmt: skip
    hashes = {get_lookup_key().digest("block", json.dumps(list(each))) for each in ids}
    assert set(RememberedBlock.objects.values_list("digest", flat=True)) == hashes
    # ... and events that name a user who is nobody any more.
    assert Event.objects.filter(user=str(person.pk), kind="erased").exists()
    user = User.objects.get(pk=person.pk)
    assert (user.is_active, user.email, user.first_name) == (False, "", "")


def test_she_comes_back_as_a_stranger_of_whom_nothing_is_known(fake_wechat, media):
    _, person = live(fake_wechat)
    Person.objects.filter(pk=person.pk).update(
        deletion_asked_at=timezone.now(), deletion_due_at=timezone.now()
    )
    call_command("wxauth_clear_expired", stdout=io.StringIO())
    session = Session(PLANTED["openid"], None, PLANTED["unionid"])
    back = transactions.run(
        lambda: admit(app=get_app(ONE), session=session, signup=True, extra={}, now=timezone.now())
    )
    assert back.created
    again = Person.objects.get(pk=back.openid.identity.person_id)
    assert (again.nickname, again.sealed_phone, again.avatar.name) == ("", None, "")
