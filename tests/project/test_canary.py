"""Secrets with names of their own are planted, everything happens, and nobody ever sees them.

A place is looked at as it is shown to somebody: a log line with all its attributes, an exception
with the local variables of its frames (the debug page and error trackers print them), an answer,
a row, a statement.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import functools
import io
import json
import logging
import pickle
import secrets
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock
from urllib.parse import parse_qs, quote, quote_plus, urlsplit

import pytest
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.cache import cache
from django.core.management import call_command
from django.core.signals import got_request_exception
from django.db import IntegrityError, connection
from django.test import Client
from django.views.debug import ExceptionReporter

from tests.rows import ONE, TWO
from tests.statements import capture_statements
from wxauth import database, wiring
from wxauth.adapter import Adapter
from wxauth.authentication import TokenAuthentication, get_login
from wxauth.conf import conf
from wxauth.crypto import keyring
from wxauth.crypto.keyring import generate_key
from wxauth.exceptions import DatabaseUnavailable
from wxauth.models import Event, Login, Person
from wxauth.services import upkeep
from wxauth.services.data import opening, session_keys
from wxauth.services.login import admission, by_code, entry, logout
from wxauth.services.login.by_code import log_in
from wxauth.services.login.enclosures import Enclosure
from wxauth.services.login.entry import Device, LoggedIn
from wxauth.services.login.exchange import get_app
from wxauth.services.profile import phone, user_info
from wxauth.signals import logged_in, signed_up
from wxauth.testing import faults
from wxauth.types import Secret, Session
from wxauth.wechat.transport import Transport

pytestmark = pytest.mark.django_db(transaction=True)

APP_SECRET = "canary+app/secret"
SESSION_KEY = base64.b64encode(b"Canary/SessionK>").decode()
PHONE = "13912345678"
PLAINTEXT = "canary in the plain text"
TESTS = str(Path(__file__).parents[1])


class Watch:
    """Knows the secrets, and looks for them in whatever it is shown."""

    def __init__(self):
        self.secrets = {}
        self.shown = 0
        self.hits = []

    def plant(self, name, text):
        # As it is, in a URL, in a repr of bytes, and without the padding that others cut off.
        spelled = {
            text,
            quote(text, safe=""),
            quote_plus(text),
            text.rstrip("="),
            text.encode().hex(),
        }
        if name == "session_key":
            raw = base64.b64decode(text)
            spelled |= {raw.decode("latin-1"), raw.hex()}
        self.secrets[name] = spelled

    def look(self, place, text, allowed=()):
        self.shown += 1
        self.hits += [
            f"{name} in {place}: {text[max(0, text.find(form) - 200) : text.find(form) + 80]!r}"
            for name, forms in self.secrets.items()
            if name not in allowed
            for form in forms
            if form in text
        ]

    def look_at_error(self, place, error, seen=None):
        """Everything that hangs on an exception, down to the variables of every frame."""
        seen = set() if seen is None else seen
        if error is None or id(error) in seen:
            return
        seen.add(id(error))
        notes = getattr(error, "__notes__", ())
        self.look(f"{place}: {type(error).__name__}", f"{error} {error!r} {error.args!r} {notes!r}")
        self.look(f"{place}: attributes of {type(error).__name__}", repr(vars(error)))
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if not code.co_filename.startswith(TESTS):  # Tests hold the secrets, after all.
                for name, value in trace.tb_frame.f_locals.items():
                    with contextlib.suppress(Exception):
                        where = f"{place}: {name} in {code.co_filename}:{code.co_name}"
                        self.look(where, repr(value))
            trace = trace.tb_next
        self.look_at_error(place, error.__cause__, seen)
        self.look_at_error(place, error.__context__, seen)

    def look_at_page(self, place, error, request=None):
        """The technical page of DEBUG, and the text that is mailed to admins."""
        trace = error.__traceback__
        while trace.tb_next and trace.tb_frame.f_code.co_filename.startswith(TESTS):
            trace = trace.tb_next
        report = ExceptionReporter(request, type(error), error, trace)
        # Django's templates log what they do not find, each time with all that they know.
        with mock.patch.object(logging.getLogger("django.template"), "disabled", True):
            pages = report.get_traceback_html(), report.get_traceback_text()
        for page in pages:
            self.look(f"{place}: debug page", page)


@pytest.fixture
def watch(settings):
    """The secrets are in place before the fake WeChat learns of them."""
    watch = Watch()
    encryption, lookup = generate_key(), generate_key()
    settings.WXAUTH = {
        **settings.WXAUTH,
        "APPS": {appid: {"SECRET": APP_SECRET} for appid in (ONE, TWO)},
        "ENCRYPTION_KEYS": [encryption],
        "LOOKUP_KEY": lookup,
    }
    planted = {
        "AppSecret": APP_SECRET,
        "session_key": SESSION_KEY,
        "phone": PHONE,
        "plaintext": PLAINTEXT,
        "encryption key": encryption,
        "lookup key": lookup,
    }
    for name, text in planted.items():
        watch.plant(name, text)
    return watch


class Records(logging.Handler):
    def __init__(self, watch):
        super().__init__(logging.DEBUG)
        self.watch = watch

    def emit(self, record):
        place = f"log of {record.name}"
        self.watch.look(place, record.getMessage())
        self.watch.look(f"{place}, raw", repr({**vars(record), "exc_info": None}))
        if record.exc_info and record.exc_info[1] is not None:
            self.watch.look_at_error(place, record.exc_info[1])


@pytest.fixture
def world(watch, fake_wechat, settings):
    """WeChat's side of the secrets, and everything that may carry them under observation."""
    settings.DEBUG = True  # Statements are logged too.
    fake_wechat.add_person("alice", phone=PHONE)
    fake_wechat.set_session_key(SESSION_KEY, "alice", ONE)

    handler, root = Records(watch), logging.getLogger()
    loggers = [root, *map(logging.getLogger, list(root.manager.loggerDict))]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    root.addHandler(handler)

    def listen(signal, **told):
        watch.look("signal", repr(told))

    def crash(signal, request=None, **told):
        error = sys.exc_info()[1]
        watch.look_at_error("unhandled", error)
        watch.look_at_page("unhandled", error, request)

    signals = (signed_up, logged_in, user_logged_in, user_logged_out, user_login_failed)
    for signal in signals:
        signal.connect(listen)
    got_request_exception.connect(crash)
    yield fake_wechat
    got_request_exception.disconnect(crash)
    for signal in signals:
        signal.disconnect(listen)
    root.removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture
def phone_app(watch):
    """What alice's phone can do; every answer is looked at."""

    class PhoneApp:
        client = Client(raise_request_exception=False)

        def send(self, method, path, body=None, token=None, allowed=(), **headers):
            if token is not None:
                headers["Authorization"] = f"Bearer {token}"
            text = body if isinstance(body, str) else json.dumps(body) if body is not None else ""
            answer = self.client.generic(
                method, f"/api/wxauth/{path}", text, "application/json", headers=headers
            )
            shown = f"{answer.headers!r} {answer.content.decode()}"
            watch.look(f"{method} {path} {answer.status_code}", shown, allowed)
            return answer

        def log_in(self, code, allowed=(), **body):
            text = json.dumps({"code": code, "appid": ONE, **body})
            answer = self.client.generic("POST", "/api/wxauth/login/", text, "application/json")
            content = answer.content.decode()
            if answer.status_code == 200:
                # The token is for this answer; from now on it is a secret like the others.
                token = answer.json()["token"]
                assert content.count(token) == 1
                content = content.replace(token, "")
                watch.plant(f"token {token[:8]}", token)
            watch.look(f"login {answer.status_code}", f"{answer.headers!r} {content}", allowed)
            return answer

    return PhoneApp()


def catch(call):
    """What it raised. A frame of its own, without a secret in it: the debug page shows this one."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is looked at.
        return error
    raise AssertionError("Nothing was raised.")


def raised(watch, place, call, kind=Exception):
    error = catch(call)
    assert isinstance(error, kind), error
    watch.look_at_error(place, error)
    watch.look_at_page(place, error)


FAULTS = {
    "busy": faults.Errcode(-1),
    "used": faults.Errcode(40163),
    "unknown code": faults.Errcode(40029),
    "risk": faults.Errcode(40226),
    "limit": faults.Errcode(45011),
    "wrong secret": faults.Errcode(40125, f"invalid appsecret {APP_SECRET} {SESSION_KEY}"),
    "unknown": faults.Errcode(99999, f"{APP_SECRET} {SESSION_KEY} rid: 0123abcd-0123abcd-0123abcd"),
    "errcode as text": faults.Errcode("40125"),
    "odd errcode": faults.Fields({"errcode": SESSION_KEY}),
    "odd openid": faults.Fields({"openid": 5}),
    "odd unionid": faults.Fields({"unionid": 5}),
    "no openid": faults.Fields(missing=("openid",)),
    "no session_key": faults.Fields(missing=("session_key",)),
    "odd session_key": faults.Fields({"session_key": SESSION_KEY + "=="}),
    "session_key as openid": faults.Fields({"openid": f"{SESSION_KEY} "}),
    "empty": faults.empty(),
    "not JSON": faults.not_json(),
    "half an answer": faults.Body(f'{{"session_key":"{SESSION_KEY}","openid":'),
    "a list": faults.Body(f'["{SESSION_KEY}"]'),
    "an echo": faults.Body(f"<html>{APP_SECRET} {SESSION_KEY}</html>", 403, "text/html"),
    "gateway": faults.html(502),
    "portal": faults.html(200),
    "redirect": faults.Redirect(f"http://127.0.0.1:9/?secret={quote(APP_SECRET)}"),
    "too long": faults.TooLong(),
    "truncated": faults.Truncated(),
    "reset": faults.Reset(),
    "slow": faults.Slow(30),
    "dribble": faults.Dribble(0.1),
}


@pytest.fixture
def hurried(monkeypatch, settings):
    """A connection to WeChat that loses patience soon."""
    transport = Transport(settings.WXAUTH["API_BASE"], read_timeout=0.15, deadline=0.3)
    monkeypatch.setattr(wiring, "get_transport", functools.cache(lambda: transport))
    yield
    transport.close()


@pytest.mark.waits
def test_whatever_wechat_does(watch, world, phone_app, hurried):
    for place, fault in FAULTS.items():
        code = Secret(world.login_code("alice", ONE))
        world.faults.add(fault)
        raised(watch, place, lambda code=code: log_in(app=get_app(ONE), code=code))
        world.faults.clear()
        code = world.login_code("alice", ONE)
        world.faults.add(fault)
        assert phone_app.log_in(code).status_code >= 400, place
        world.faults.clear()
    assert phone_app.log_in(world.login_code("alice", ONE)).status_code == 200
    assert watch.hits == []


@pytest.mark.waits
def test_whatever_becomes_of_the_way_to_wechat(watch, world, phone_app, settings):
    for place, base in {
        "refused": "http://127.0.0.1:9",
        "no name": "http://nowhere.invalid",
        "no TLS": world.url.replace("http:", "https:"),
        "no such path": f"{world.url}/elsewhere",
    }.items():
        settings.WXAUTH = {**settings.WXAUTH, "API_BASE": base}
        code = world.login_code("alice", ONE)
        raised(watch, place, lambda code=code: log_in(app=get_app(ONE), code=Secret(code)))
        assert phone_app.log_in(code).status_code >= 500
    assert watch.hits == []


@pytest.mark.waits
def test_a_whole_life_leaves_no_trace(watch, world, phone_app, capfd):
    with capture_statements() as statements:
        tokens = live(world, phone_app)
        call_command("wxauth_rotate_keys")
        call_command("wxauth_clear_expired")
    for sql in statements:
        watch.look("SQL", sql)
    assert len(statements) > 50
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            watch.look(f"table {table}", repr(cursor.fetchall()))
    if connection.vendor == "sqlite":
        files = Path(connection.settings_dict["NAME"])
        for file in files.parent.glob(f"{files.name}*"):
            watch.look(file.suffix, file.read_bytes().decode("latin-1"))
    watch.look("cache", repr(getattr(cache, "_cache", {})))
    for name, text in zip(("stdout", "stderr"), capfd.readouterr(), strict=True):
        watch.look(name, text)
    assert len(tokens) == 5
    assert watch.shown > 500
    assert watch.hits == []


def live(fake, phone_app):
    """Every endpoint, well used and badly. Returns the tokens."""

    mine = ("phone",)  # The number is its owner's to see.

    def enter(**body):
        answer = phone_app.log_in(fake.login_code("alice", ONE), mine, **body)
        assert answer.status_code == 200, answer.content
        return answer.json()["token"]

    number, info = fake.phone_data("alice", ONE), fake.user_info("alice", ONE, real=True)
    other = fake.encrypt({"note": PLAINTEXT}, "alice", ONE)
    first = enter()
    for body in (number, info):
        enter(**body)
    tokens = [first, enter(**fake.phone_data("bob", ONE))]
    send = phone_app.send
    statuses = [
        send("GET", "me/", None, first, mine).status_code,
        send("POST", "me/", {"nickname": "Alice"}, first, mine).status_code,
        send("POST", "me/phone/", fake.phone_data("alice", ONE), first, mine).status_code,
        send(
            "POST", "me/userinfo/", fake.user_info("alice", ONE, real=True), first, mine
        ).status_code,
        send("POST", "decrypt/", other, first, ("plaintext",)).status_code,
        send("GET", "me/logins/", None, first).status_code,
    ]
    assert statuses == [200] * 6

    wrong = {"iv": base64.b64encode(b"0" * 16).decode(), "encryptedData": number["encryptedData"]}
    for path in ("me/phone/", "me/userinfo/", "decrypt/"):
        token = enter()  # Ten failures drop the keys of the one before.
        for body in (
            wrong, {}, {"iv": 5}, {**wrong, "iv": SESSION_KEY[:8]}, "{", "[]", '{"a":1,"a":2}',
            fake.encrypt({"phoneNumber": PHONE}, "alice", ONE, watermark=False),
            fake.encrypt({"note": PLAINTEXT, "watermark": {"appid": TWO}}, "alice", ONE),
            fake.encrypt(f'{{"note": "{PLAINTEXT}", "phone": {PHONE}'.encode(), "alice", ONE),
            fake.phone_data("bob", ONE),
        ):  # fmt: skip
            assert send("POST", path, body, token).status_code in (400, 409)
        assert send("GET", path, None, first).status_code == 405
    # bob takes alice's number.
    fake.add_person("bob", phone=PHONE)
    bob = phone_app.log_in(fake.login_code("bob", ONE)).json()["token"]
    assert send("POST", "me/phone/", fake.phone_data("bob", ONE), bob).status_code == 409
    for token in (first.swapcase(), f"{first}x", first[:-1]):
        assert send("GET", "me/", None, token).status_code == 401
    for headers in ({"Authorization": first}, {"Authorization": f"Token {first}"}, {}):
        assert send("GET", "me/", **headers).status_code == 401
    assert send("GET", "nowhere/", None, first).status_code == 404
    rows = send("GET", "me/logins/", None, first).json()
    ended = next(row["id"] for row in rows if not row["current"])
    assert send("DELETE", f"me/logins/{ended}/", None, first).status_code == 204
    assert send("DELETE", f"me/logins/{ended}/", None, bob).status_code == 404
    assert send("POST", "logout/", None, tokens[1]).status_code in (204, 401)
    assert send("POST", "logout/all/", None, first).status_code == 204
    assert send("GET", "me/", None, first).status_code == 401
    return [*tokens, bob, enter(), enter()]


# -- the services, and a bug in every corner of them -------------------------------------------


def test_bad_data_is_refused_without_a_trace(watch, world):
    row = log_in(app=get_app(ONE), code=Secret(world.login_code("alice", ONE))).login
    others = log_in(app=get_app(ONE), code=Secret(world.login_code("bob", ONE))).login
    world.add_person("bob", phone=PHONE)
    number = world.phone_data("alice", ONE)
    phone.take_encrypted(login=row, encrypted_data=number["encryptedData"], iv=number["iv"])
    for place, sent in {
        "wrong key": world.phone_data("bob", ONE),
        "no watermark": world.encrypt({"phoneNumber": PHONE}, "alice", ONE, watermark=False),
        "another app": world.encrypt({"note": PLAINTEXT, "watermark": {}}, "alice", ONE),
        "somebody else's": world.encrypt({"openId": "o", "note": PLAINTEXT}, "alice", ONE),
        "no number": world.encrypt({"purePhoneNumber": PHONE, "countryCode": ""}, "alice", ONE),
        "no JSON": world.encrypt(f'{{"{PLAINTEXT}": "{PHONE}'.encode(), "alice", ONE),
        "no UTF-8": world.encrypt(PLAINTEXT.encode() + b"\xff", "alice", ONE),
    }.items():
        parts = {"login": row, "encrypted_data": sent["encryptedData"], "iv": sent["iv"]}
        for take in (opening.open_data, phone.take_encrypted, user_info.take_user_info):
            if not (take is opening.open_data and place == "no number"):
                raised(watch, place, lambda take=take, parts=parts: take(**parts))
    sent = world.phone_data("bob", ONE)
    raised(watch, "taken", lambda: phone.take_encrypted(
        login=others, encrypted_data=sent["encryptedData"], iv=sent["iv"]
    ))  # fmt: skip
    signed = json.dumps({"nickName": "A"})
    raised(watch, "signature", lambda: opening.open_raw_data(
        login=row, raw_data=signed, signature="0" * 40
    ))  # fmt: skip
    assert watch.hits == []


def bug(*args, **kwargs):
    del args, kwargs  # This frame is on the debug page too.
    raise RuntimeError("a bug")


def objection(*args, **kwargs):
    del args, kwargs
    raise IntegrityError("no")


CORNERS = [
    (admission, "admit"),
    (admission, "get_adapter"),
    (session_keys, "get_keyring"),
    (entry, "token_digest"),
    (entry, "new_token"),
    (entry, "_note_visit"),
    (by_code, "get_adapter"),
    (by_code.enclosures, "take_in"),
    (Login.objects, "create"),
    (phone, "_write"),
    (phone, "get_lookup_key"),
    (phone, "get_keyring"),
    (user_info, "_write"),
    (opening.payload, "decrypt"),
    (opening.payload, "check_watermark"),
]


@pytest.mark.waits
@pytest.mark.parametrize("failure", [bug, objection])
@pytest.mark.parametrize(("owner", "name"), CORNERS)
def test_a_bug_inside_a_login_shows_nothing(
    watch, world, phone_app, monkeypatch, owner, name, failure
):
    monkeypatch.setattr(database.time, "sleep", lambda seconds: None)
    number, info = world.phone_data("alice", ONE), world.user_info("alice", ONE, real=True)
    enclosed = {**number, "rawData": info["rawData"], "signature": info["signature"]}
    code = world.login_code("alice", ONE)
    monkeypatch.setattr(owner, name, failure)
    assert phone_app.log_in(code, **enclosed).status_code == 500
    assert watch.shown > 20
    assert watch.hits == []


def test_a_bug_beside_a_token_shows_nothing(watch, world, phone_app, monkeypatch):
    token = phone_app.log_in(world.login_code("alice", ONE)).json()["token"]
    number = world.phone_data("alice", ONE)
    for owner, name, (method, path, body) in [
        (phone, "read", ("GET", "me/", None)),
        (user_info, "set_nickname", ("POST", "me/", {"nickname": "A"})),
        (phone, "keep", ("POST", "me/phone/", number)),
        (opening, "open_data", ("POST", "decrypt/", number)),
        (logout, "_announce", ("POST", "logout/all/", None)),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, bug)
            assert phone_app.send(method, path, body, token).status_code == 500
    assert watch.hits == []


class Colliding(Adapter):
    def build_user(self, **about):
        objection()


def test_a_database_that_refuses_shows_nothing(watch, world, phone_app, settings, monkeypatch):
    monkeypatch.setattr(database.time, "sleep", lambda seconds: None)
    token = phone_app.log_in(world.login_code("alice", ONE)).json()["token"]
    code = Secret(world.login_code("alice", ONE))
    address = connection.settings_dict
    real = {key: address[key] for key in ("NAME", "PORT")}
    connection.close()
    address.update({"NAME": "/nowhere/wxauth", "PORT": "9"})
    try:
        raised(watch, "down", lambda: log_in(app=get_app(ONE), code=code), DatabaseUnavailable)
        assert phone_app.send("GET", "me/", None, token).status_code == 503
    finally:
        connection.close()
        address.update(real)
    settings.WXAUTH = {**settings.WXAUTH, "ADAPTER": f"{__name__}.Colliding"}
    code = Secret(world.login_code("eve", ONE))
    raised(watch, "violated", lambda: log_in(app=get_app(ONE), code=code), IntegrityError)
    assert watch.hits == []


def test_a_wrong_setting_shows_nothing(watch, world, settings):
    right = settings.WXAUTH
    for place, wrong, call in [
        ("apps", {"APPS": {ONE: {"SECRET": APP_SECRET, "KIND": APP_SECRET}}}, conf.get_app),
        ("apps", {"APPS": {APP_SECRET: APP_SECRET}}, conf.get_app),
        ("keys", {"ENCRYPTION_KEYS": [*right["ENCRYPTION_KEYS"], "short"]}, wiring.get_keyring),
        ("keys", {"ENCRYPTION_KEYS": right["ENCRYPTION_KEYS"] * 2}, wiring.get_keyring),
        ("lookup", {"LOOKUP_KEY": right["LOOKUP_KEY"][1:]}, wiring.get_lookup_key),
        ("adapter", {"ADAPTER": "wxauth.models.Login"}, wiring.get_adapter),
    ]:
        settings.WXAUTH = {**right, **wrong}
        raised(watch, place, call)
    settings.WXAUTH = right
    assert watch.hits == []


def test_a_lost_key_shows_nothing(watch, world, settings):
    code = Secret(world.login_code("alice", ONE))
    row = log_in(app=get_app(ONE), code=code).login
    number = world.phone_data("alice", ONE)
    phone.take_encrypted(login=row, encrypted_data=number["encryptedData"], iv=number["iv"])
    settings.WXAUTH = {**settings.WXAUTH, "ENCRYPTION_KEYS": [generate_key()]}
    raised(watch, "session_key", lambda: opening.open_data(
        login=row, encrypted_data=number["encryptedData"], iv=number["iv"]
    ))  # fmt: skip
    assert phone.read(row.person) is None
    stream = io.StringIO()
    raised(watch, "rotation", lambda: call_command("wxauth_rotate_keys", stdout=stream))
    watch.look("rotation", stream.getvalue())
    assert watch.hits == []


class Stumbles(Adapter):
    def on_phone_taken(self, **about):
        bug()


@pytest.mark.waits
def test_a_number_by_code_leaves_no_trace(watch, world, phone_app, settings, monkeypatch):
    """The number in what WeChat answers, and the access_token that it was asked with."""
    watch.plant("access_token", world.access_token(ONE).token)
    mine = ("phone",)

    def code():
        return world.phone_code("alice", ONE)

    entered = phone_app.log_in(world.login_code("alice", ONE), mine, phone_code=code())
    token = entered.json()["token"]
    first = phone_app.send("POST", "me/phone/", {"phone_code": code()}, token, mine)
    assert first.json()["phone"].endswith(PHONE)
    row = log_in(app=get_app(ONE), code=Secret(world.login_code("alice", ONE))).login
    for place, fault in {
        "errcode": faults.Errcode(99999, f"{PHONE} {APP_SECRET}"),
        "no watermark": faults.PhoneInfo(missing=["watermark"]),
        "no country": faults.PhoneInfo({"countryCode": PHONE}),
        "echo": faults.Body(f"{{{PHONE}", used=False),
        "truncated": faults.Truncated(),
    }.items():
        world.faults.add(fault, path=faults.PHONE, times=None)
        raised(watch, place, lambda: phone.take_code(login=row, code=Secret(code())))
        assert phone_app.send("POST", "me/phone/", {"code": code()}, token).status_code >= 400
        phone_app.log_in(world.login_code("alice", ONE), mine, phone_code=code())
        world.faults.clear()
    # eve is told alice's number, in every mode, and whatever breaks.
    world.add_person("eve", phone=PHONE)
    for mode in ("always", "phone"):
        for owner, name in [
            (phone, "_write"), (phone, "_take_over"), (phone, "count"), (phone, "keep"),
            (phone, "get_keyring"), (admission, "get_adapter"), (phone.events, "record"),
        ]:  # fmt: skip
            settings.WXAUTH = {**settings.WXAUTH, "SIGNUP": mode}
            with monkeypatch.context() as patch:
                patch.setattr(owner, name, bug)
                sent = {"phone_code": world.phone_code("eve", ONE)}
                phone_app.log_in(world.login_code("eve", ONE), **sent)
    settings.WXAUTH = {**settings.WXAUTH, "ADAPTER": f"{__name__}.Stumbles"}
    sent = {"phone_code": world.phone_code("eve", ONE)}
    assert phone_app.log_in(world.login_code("eve", ONE), **sent).status_code == 500
    assert watch.shown > 100
    assert watch.hits == []


@pytest.mark.waits
def test_no_door_leaves_a_trace(watch, world, phone_app, settings, monkeypatch, hurried):
    """A mobile app's code and the person's own tokens, a pre-fetch, a call through the gateway."""
    mobile = "wx0000000000000004"
    apps = {**settings.WXAUTH["APPS"], mobile: {"SECRET": APP_SECRET, "KIND": "mobileapp"}}
    settings.WXAUTH = {**settings.WXAUTH, "APPS": apps, "CLOUD": True, "PREFETCH": True}
    monkeypatch.setenv("CBR_ENV_ID", "prod-1a2b3c")
    world.add_app(mobile, APP_SECRET, kind="mobileapp")
    # The access_token and the refresh_token of whoever comes by the app.
    made_up = SimpleNamespace(token_hex=secrets.token_hex, token_urlsafe=lambda n: "canary-t0k3n")
    monkeypatch.setattr("wxauth.testing.oauth2.secrets", made_up)
    watch.plant("person's token", "canary-t0k3n")

    def fetch(**query):
        return phone_app.client.get("/api/wxauth/prefetch/", query)

    def planted(text):
        watch.plant(f"code {text[:8]}", text)
        return text

    def come(name):
        phone_app.log_in(planted(world.login_code(name, mobile)), appid=mobile)
        phone_app.send("POST", "login/", {}, **world.cloud_headers("alice", TWO, owner=ONE))
        answer = fetch(**world.prefetch_query(name, ONE))
        if answer.status_code == 200:
            token = planted(answer.json()["token"])
            watch.look("prefetch", fetch(appid=ONE, token=token).content.decode())
            watch.look("prefetch", fetch(appid=TWO, token=token, code=token).content.decode())

    come("alice")
    person = Person.objects.get()
    assert person.nickname == "小爱"
    for place, fault in FAULTS.items():
        if "session_key" in place:
            continue  # There is none in these answers.
        world.faults.add(fault, path=faults.OAUTH2)
        code = Secret(planted(world.login_code("alice", mobile)))
        raised(watch, place, lambda code=code: log_in(app=get_app(mobile), code=code))
        world.faults.clear()
        world.faults.add(fault, path=faults.USER_INFO)
        world.add_person(place)
        come(place)
        world.faults.clear()
    for owner, name in [
        (admission, "get_adapter"), (user_info, "keep_user_info"), (user_info, "get_client"),
        (entry, "_note_visit"), (Login.objects, "create"),
    ]:  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, bug)
            world.add_person(name)
            come(name)
    for row in (*Login.objects.values(), *Person.objects.values()):
        watch.look("row", repr(row))
    assert watch.shown > 100
    assert watch.hits == []


@pytest.mark.waits
def test_no_browser_leaves_a_trace(watch, world, phone_app, settings, monkeypatch, hurried):
    """Codes, states, sessions and tickets: in no log, error, page, row or address that we write."""
    # Django writes the SQL of its sessions to its own log, with their keys.
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    site = "wx00000000000000a1"
    apps = {**settings.WXAUTH["APPS"], site: {"SECRET": APP_SECRET, "KIND": "website"}}
    settings.WXAUTH = {**settings.WXAUTH, "APPS": apps}
    world.add_app(site, APP_SECRET, kind="website")

    def planted(size):
        """WeChat's access_token or refresh_token."""
        text = secrets.token_urlsafe(size)
        watch.plant(f"token {text[:8]}", text)
        return text

    sown = SimpleNamespace(token_urlsafe=planted, token_hex=secrets.token_hex)
    monkeypatch.setattr("wxauth.testing.oauth2.secrets", sown)
    new = functools.partial(Client, raise_request_exception=False)
    browser = new()

    def show(answer):
        watch.look("page", answer.content.decode())
        watch.look("address", answer.get("Location", ""))

    def come(name):
        state = browser.get(f"/wechat/start/{site}/").url.partition("state=")[2].partition("#")[0]
        code = world.oauth2_code(name, site)
        watch.plant(f"code of {name}", code)
        watch.plant(f"state of {name}", state)
        for _ in range(2):
            show(browser.get(f"/wechat/callback/?code={code}&state={state}"))
        show(new().get(f"/wechat/callback/?code={code}&state={state}"))
        watch.plant(f"session of {name}", browser.cookies["sessionid"].value)
        show(browser.get("/website/"))

    def go_on():
        address = phone_app.send("POST", "web-ticket/", {}, token).json()["url"]
        ticket = parse_qs(urlsplit(address).query)["ticket"][0]
        watch.plant(f"ticket {ticket}", ticket)
        for _ in range(2):
            show(new().post("/wechat/enter/", {"ticket": ticket}))
            show(new().post("/wechat/enter/?ticket=" + ticket, {"ticket": ticket + "x"}))

    come("alice")
    token = phone_app.log_in(world.login_code("alice", ONE)).json()["token"]
    go_on()
    for place, fault in FAULTS.items():
        if "session_key" in place:
            continue  # There is none in these answers.
        world.add_person(place)
        world.faults.add(fault, path=faults.OAUTH2)
        come(place)
        world.faults.clear()
    assert sum(name.startswith("token ") for name in watch.secrets) >= 2
    for owner, name in [
        (admission, "get_adapter"), (entry, "_note_visit"), (Login.objects, "create"),
    ]:  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, bug)
            world.add_person(name)
            come(name)
            go_on()
    for row in (*Login.objects.values(), *Person.objects.values(), *Event.objects.values()):
        watch.look("row", repr(row))
    assert watch.shown > 100
    assert watch.hits == []


# -- objects -----------------------------------------------------------------------------------


def test_no_object_says_what_it_knows(watch, world):
    done = log_in(app=get_app(ONE), code=Secret(world.login_code("alice", ONE)))
    watch.plant("token", done.token.reveal())
    number = world.phone_data("alice", ONE)
    phone.take_encrypted(login=done.login, encrypted_data=number["encryptedData"], iv=number["iv"])
    row, person = Login.objects.get(), Person.objects.get()
    client = wiring.get_client(get_app(ONE))
    objects = [
        Secret(APP_SECRET),
        conf.get_app(ONE),
        conf.APPS,
        conf,
        Session(openid="o", session_key=Secret(SESSION_KEY)),
        Device(),
        Enclosure(encrypted_data=PLAINTEXT, raw_data=PLAINTEXT, signature=SESSION_KEY),
        done,
        LoggedIn(row, done.token, True, (), {}),
        row, row.via, row.via.identity, person, person.user,
        wiring.get_keyring(), wiring.get_lookup_key(), wiring.get_adapter(),
        client, wiring.get_transport(), TokenAuthentication(),
        admission.Admission(row.via, True), upkeep.Resealed(), upkeep.Cleared(),
        keyring.Unsealable(), phone.get_number({"countryCode": "86", "purePhoneNumber": PHONE}),
    ]  # fmt: skip
    for thing in objects:
        watch.look(type(thing).__name__, f"{thing} {thing!r} {thing!s:>5} %s %r" % (thing, thing))
        watch.look(type(thing).__name__, json.dumps([thing], default=str))
    assert watch.hits == []


def test_a_secret_is_not_copied_out_of_the_process():
    with pytest.raises(TypeError):
        pickle.dumps(Secret("text"))
    with pytest.raises(TypeError):
        copy.deepcopy(Secret("text"))
    assert not hasattr(Secret("text"), "__dict__")


def test_a_token_shows_in_no_frame_of_its_check(watch, world, phone_app, monkeypatch):
    """Channels, plain views: whoever asks for a login while the database is down gets its error."""
    token = phone_app.log_in(world.login_code("alice", ONE)).json()["token"]
    monkeypatch.setattr(Login.objects, "find", bug)
    raised(watch, "token check", lambda: get_login(token), RuntimeError)
    assert phone_app.send("GET", "me/", None, token).status_code == 500
    assert watch.hits == []


def test_the_watch_sees_what_it_should():
    """A test of the test: each way of looking finds what is there."""
    watch = Watch()
    watch.plant("session_key", SESSION_KEY)

    for text in (SESSION_KEY, quote(SESSION_KEY), SESSION_KEY[:-2], "<Canary/SessionK>>"):
        watch.look("text", text)
    assert len(watch.hits) >= 4
    watch.hits.clear()
    source = "def f():\n    key = _key\n    raise ValueError"
    space = {"_key": SESSION_KEY}
    exec(compile(source, "/elsewhere.py", "exec"), space)
    error = catch(space["f"])
    watch.look_at_error("error", error)
    assert any("key in /elsewhere.py:f" in hit for hit in watch.hits)
    watch.hits.clear()
    watch.look_at_page("page", error)
    assert len(watch.hits) >= 1
    Records(watch).emit(logging.makeLogRecord({"msg": "%s", "args": (SESSION_KEY,), "name": "x"}))
    assert any("log of x" in hit for hit in watch.hits)
