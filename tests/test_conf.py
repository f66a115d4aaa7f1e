"""Each setting: its default, what overrides it, and what an unusable value says."""

from __future__ import annotations

import contextlib
import threading
from functools import partial

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

import wxauth
from wxauth import wiring
from wxauth.adapter import Adapter
from wxauth.conf import KEYS, OFFICIAL_API_BASE, SANDBOX_API_BASE, SANDBOX_APPID, SANDBOX_APPS, conf
from wxauth.crypto.keyring import generate_key
from wxauth.exceptions import UnknownApp
from wxauth.types import Kind, Rate

ONE, TWO = "wx0000000000000001", "wx0000000000000002"
APPS = {ONE: {"SECRET": "canary-one"}}
KEY, OTHER_KEY = generate_key(), generate_key()

DEFAULTS = {
    "APPS": {},
    "DEFAULT_APP": None,
    "SANDBOX": False,
    "API_BASE": "https://api.weixin.qq.com",
    "OPEN_BASE": "https://open.weixin.qq.com",
    "CONCURRENCY": 8,
    "PROCESSES": None,
    "THREADS": None,
    "TOKEN_TTL": 604800,
    "SIGNUP": "always",
    "CLOUD": False,
    "PREFETCH": False,
    "STAFF": "refuse",
    "ADAPTER": "wxauth.adapter.Adapter",
    "JOIN": True,
    "DISPOSABLE_WITH": [],
    "MERGE": {},
    "LINK_AUTHENTICATION": [],
    "LINK_ENDS_OTHERS": False,
    "LOCAL_MEDIA": False,
    "DATA_MAX_AGE": 300,
    "REQUIRE_WATERMARK": True,
    "LIMITS": {
        "login_address": Rate(600, 60),
        "login_openid": Rate(30, 60),
        "decrypt": Rate(30, 60),
        "phone": Rate(10, 60),
        "link": Rate(10, 60),
        "prefetch": Rate(6000, 60),
        "profile": Rate(30, 60),
        "avatar": Rate(10, 60),
        "web_ticket": Rate(30, 60),
        "deletion": Rate(10, 86400),
        "export": Rate(2, 86400),
        "reveal": Rate(60, 3600),
    },
    "DELETION_DAYS": 7,
    "RETENTION": {"logins": 30, "events": 1095, "blocks": 180},
    "CACHE": "default",
    "TRUSTED_PROXIES": 0,
    "ENVELOPE": None,
    "USER_SERIALIZER": "wxauth.api.serializers.UserSerializer",
}
OTHERS = {
    "DEFAULT_APP": TWO,
    "API_BASE": "https://proxy.example",
    "OPEN_BASE": "https://pages.example",
    "CONCURRENCY": 3,
    "PROCESSES": 2,
    "THREADS": 4,
    "TOKEN_TTL": 60,
    "SIGNUP": "closed",
    "CLOUD": True,
    "PREFETCH": True,
    "STAFF": "alone",
    "ADAPTER": "somewhere.Adapter",
    "JOIN": False,
    "DISPOSABLE_WITH": ["somewhere.Model"],
    "MERGE": {"somewhere.Model": "skip"},
    "LINK_AUTHENTICATION": ["somewhere.Authentication"],
    "LINK_ENDS_OTHERS": True,
    "LOCAL_MEDIA": True,
    "DATA_MAX_AGE": 0,
    "REQUIRE_WATERMARK": False,
    "DELETION_DAYS": 0,
    "ENCRYPTION_KEYS": [KEY],
    "LOOKUP_KEY": KEY,
    "CACHE": "somewhere",
    "TRUSTED_PROXIES": 2,
    "ENVELOPE": "somewhere.envelope",
    "USER_SERIALIZER": "somewhere.UserSerializer",
}


def test_every_setting_has_a_default_and_an_override_here():
    required = {"ENCRYPTION_KEYS", "LOOKUP_KEY"}
    assert set(DEFAULTS) | required == KEYS
    assert set(OTHERS) | {"APPS", "SANDBOX", "LIMITS", "RETENTION"} == KEYS


@pytest.mark.parametrize("declared", [{}, None], ids=["empty", "missing"])
@pytest.mark.parametrize("key", DEFAULTS)
def test_a_setting_that_is_not_there_has_its_default(settings, key, declared):
    if declared is None:
        del settings.WXAUTH
    else:
        settings.WXAUTH = declared
    assert getattr(conf, key) == DEFAULTS[key]


@pytest.mark.parametrize("key", OTHERS)
def test_a_setting_is_read_at_each_access(key):
    with override_settings(WXAUTH={key: OTHERS[key]}):
        assert getattr(conf, key) == OTHERS[key]
    assert getattr(conf, key) != OTHERS[key]


def test_what_is_not_named_is_kept_as_long_as_ever():
    with override_settings(WXAUTH={"RETENTION": {"logins": 180}}):
        assert conf.RETENTION == {"logins": 180, "events": 1095, "blocks": 180}


@pytest.mark.parametrize("declared", [{"logins": -1}, {"x": 1}, {"logins": "1"}, []], ids=repr)
def test_days_that_cannot_be_read_are_an_error(declared):
    with override_settings(WXAUTH={"RETENTION": declared}), pytest.raises(ImproperlyConfigured):
        _ = conf.RETENTION


def test_limits_that_are_not_named_keep_their_defaults():
    declared = {"phone": "1/sec", "link": "2/hour", "decrypt": "3/day"}
    with override_settings(WXAUTH={"LIMITS": declared}):
        changed = {"phone": Rate(1, 1), "link": Rate(2, 3600), "decrypt": Rate(3, 86400)}
        assert {**DEFAULTS["LIMITS"], **changed} == conf.LIMITS


@pytest.mark.parametrize(
    "declared",
    [
        {"phone": "10"},
        {"phone": "0/min"},
        {"phone": "10/week"},
        {"phone": None},
        {"x": "1/min"},
        [],
    ],
    ids=repr,
)
def test_a_limit_that_is_none_is_refused(declared):
    with override_settings(WXAUTH={"LIMITS": declared}), pytest.raises(ImproperlyConfigured):
        _ = conf.LIMITS


def test_an_app_has_what_was_declared_and_defaults():
    declared = {
        ONE: {"SECRET": "one"},
        TWO: {"SECRET": "two", "KIND": "website", "PLATFORM": "second", "NAME": "Shop"},
    }
    with override_settings(WXAUTH={"APPS": declared}):
        one, two = conf.APPS.values()
    assert (one.appid, one.secret.reveal(), one.kind) == (ONE, "one", Kind.MINIPROGRAM)
    assert (one.platform, one.name) == ("default", "")
    assert (two.appid, two.secret.reveal(), two.kind) == (TWO, "two", Kind.WEBSITE)
    assert (two.platform, two.name) == ("second", "Shop")


def test_the_only_app_is_the_default_and_among_several_none_is():
    with override_settings(WXAUTH={"APPS": APPS}):
        assert conf.DEFAULT_APP == ONE
        assert conf.get_app().appid == conf.get_app(ONE).appid == ONE
    with override_settings(WXAUTH={"APPS": {**APPS, TWO: {"SECRET": "two"}}}):
        assert conf.DEFAULT_APP is None
        with pytest.raises(UnknownApp):
            conf.get_app()


@pytest.mark.parametrize("appid", [TWO, ONE.upper(), ONE + " ", ""])
def test_an_app_that_is_not_configured_is_unknown(appid):
    with override_settings(WXAUTH={"APPS": APPS}), pytest.raises(UnknownApp):
        conf.get_app(appid)


def test_the_sandbox_exists_under_debug_only():
    with override_settings(WXAUTH={"SANDBOX": True}, DEBUG=True):
        assert conf.SANDBOX
        assert (conf.API_BASE, conf.DEFAULT_APP) == (SANDBOX_API_BASE, SANDBOX_APPID)
        assert conf.get_app().secret.reveal() == "sandbox"
        assert conf.get_app(TWO).appid == TWO
        kinds = {app.kind for app in map(conf.get_app, SANDBOX_APPS)}
        assert kinds == set(Kind)
        with pytest.raises(UnknownApp):
            conf.get_app("not an appid")
    with override_settings(WXAUTH={"SANDBOX": True}, DEBUG=False):
        assert not conf.SANDBOX
        assert (conf.API_BASE, conf.DEFAULT_APP) == (OFFICIAL_API_BASE, None)
        with pytest.raises(UnknownApp):
            conf.get_app(TWO)
    with override_settings(WXAUTH={}, DEBUG=True):
        assert not conf.SANDBOX


def test_an_address_loses_its_final_slash():
    with override_settings(WXAUTH={"API_BASE": "https://proxy.example/wx/"}):
        assert conf.API_BASE == "https://proxy.example/wx"


UNUSABLE = {
    "WXAUTH": ("declared", "canary"),
    "a list of apps": ("APPS", {"APPS": ["canary"]}),
    "an app that is its secret": ("APPS", {"APPS": {ONE: "canary"}}),
    "no secret": ("APPS", {"APPS": {ONE: {"SECRETS": "canary"}}}),
    "an unknown kind": ("APPS", {"APPS": {ONE: {"SECRET": "canary", "KIND": "canary"}}}),
    "one key": ("ENCRYPTION_KEYS", {"ENCRYPTION_KEYS": "canary"}),
    "no keys": ("ENCRYPTION_KEYS", {"ENCRYPTION_KEYS": []}),
    "a number of keys": ("ENCRYPTION_KEYS", {"ENCRYPTION_KEYS": 5}),
    "a number as a key": ("ENCRYPTION_KEYS", {"ENCRYPTION_KEYS": ["canary", 5]}),
    "no lookup key": ("LOOKUP_KEY", {}),
    "a number as lookup key": ("LOOKUP_KEY", {"LOOKUP_KEY": 5}),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_value_is_improperly_configured_and_not_repeated(case):
    key, declared = UNUSABLE[case]
    with override_settings(WXAUTH=declared), pytest.raises(ImproperlyConfigured) as raised:
        getattr(conf, key)
    assert "canary" not in str(raised.value)
    # A chained error's frames would hold the secret that was in the wrong place.
    assert raised.value.__context__ is None


# -- wiring ------------------------------------------------------------------------------------


class Mine(Adapter):
    pass


def envelope(status, body):
    return status, body


def no_envelope(status, body):
    return status, body


def own_source(appid):
    return "token"


BUILT = {
    "get_transport": {"API_BASE": "http://127.0.0.1:1"},
    "get_guard": {"CONCURRENCY": 2},
    "get_access_tokens": {"API_BASE": "http://127.0.0.1:1"},
    "get_keyring": {"ENCRYPTION_KEYS": [OTHER_KEY]},
    "get_lookup_key": {"LOOKUP_KEY": OTHER_KEY},
    "get_own_access_tokens": {"CONCURRENCY": 2},
    "get_adapter": {"ADAPTER": "tests.test_conf.Mine"},
    "get_merge_rules": {"MERGE": {"shop.Order": "leave"}},
    "get_link_authentication": {"LINK_AUTHENTICATION": ["tests.test_conf.Mine"]},
    "get_envelope": {"ENVELOPE": "tests.test_conf.envelope"},
    "get_user_serializer": {"USER_SERIALIZER": "tests.test_conf.Mine"},
}

ARGUMENTS = {"get_own_access_tokens": ["tests.test_conf.own_source"]}


def test_every_part_is_among_those_that_are_tried_with_new_settings():
    parts = {part.__name__ for part in wiring.Part.every if part.__module__ == "wxauth.wiring"}
    missing = ", ".join(parts - BUILT.keys())
    assert not missing, f"Add to BUILT a setting that changes {missing}."
    assert BUILT.keys() == parts


@pytest.mark.parametrize("name", BUILT)
def test_what_is_built_from_settings_is_built_once_and_anew_for_new_settings(settings, name):
    get = partial(getattr(wiring, name), *ARGUMENTS.get(name, []))
    settings.WXAUTH = {**settings.WXAUTH, "ENVELOPE": "tests.test_conf.no_envelope"}
    before = get()
    assert get() is before
    with override_settings(WXAUTH={**settings.WXAUTH, **BUILT[name]}):
        assert get() is not before
        assert get() is get()


@pytest.fixture
def part():
    """Makes a part of a function, for the time of the test."""
    before = list(wiring.Part.every)
    yield wiring.Part
    wiring.Part.every[:] = before


@pytest.mark.waits
@pytest.mark.parametrize("name", ["Guard", "Transport"])
def test_a_burst_at_start_up_builds_one(settings, monkeypatch, name):
    settings.WXAUTH = {**settings.WXAUTH}
    built, answers = [], []
    real, get = getattr(wiring, name), getattr(wiring, f"get_{name.lower()}")
    start, inside = threading.Barrier(4), threading.Barrier(2)

    def build(*args, **kwargs):
        built.append(args)
        # Where two are built at once, they meet here; else the one waits in vain.
        with contextlib.suppress(threading.BrokenBarrierError):
            inside.wait(0.3)
        return real(*args, **kwargs)

    def ask():
        start.wait()
        answers.append(get())

    monkeypatch.setattr(wiring, name, build)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
    assert len(answers) == 4
    assert len(set(map(id, answers))) == 1


def test_a_part_may_need_others_and_itself_while_it_is_built(part):
    @part
    def get_leaf(name):
        return f"leaf {name}"

    @part
    def get_tree(height):
        return [get_leaf("a"), *(get_tree(height - 1) if height else [])]

    assert get_tree(2) == ["leaf a"] * 3


def test_while_a_part_is_built_the_others_are_at_hand(part):
    """Building may import a module of the project's, whose import waits for another part."""
    building, done = threading.Event(), threading.Event()

    @part
    def get_slow():
        building.set()
        assert done.wait(30)
        return "slow"

    @part
    def get_other():
        return "other"

    thread = threading.Thread(target=get_slow)
    thread.start()
    assert building.wait(30)
    assert get_other() == "other"
    done.set()
    thread.join()


def test_what_could_not_be_built_is_tried_again(part):
    errors = [ImproperlyConfigured("no")]

    @part
    def get_part():
        if errors:
            raise errors.pop()
        return object()

    with pytest.raises(ImproperlyConfigured):
        get_part()
    assert get_part() is get_part()


def test_a_new_app_secret_counts_at_once(settings):
    settings.WXAUTH = {"APPS": {ONE: {"SECRET": "before"}}}
    assert wxauth.get_client()._app.secret.reveal() == "before"
    settings.WXAUTH["APPS"][ONE]["SECRET"] = "after"
    assert wxauth.get_client()._app.secret.reveal() == "after"


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("get_keyring", {"ENCRYPTION_KEYS": ["canary"]}),
        ("get_keyring", {"ENCRYPTION_KEYS": [KEY, KEY]}),
        ("get_lookup_key", {"LOOKUP_KEY": "canary"}),
        ("get_adapter", {"ADAPTER": "tests.test_conf.envelope"}),
    ],
)
def test_what_cannot_be_built_says_so_without_the_secret(name, declared):
    with override_settings(WXAUTH=declared), pytest.raises(ImproperlyConfigured) as raised:
        getattr(wiring, name)()
    assert "WXAUTH[" in str(raised.value)
    assert "canary" not in str(raised.value)
    assert KEY not in str(raised.value)


def test_the_public_client_is_that_of_the_app():

    with override_settings(WXAUTH={"APPS": APPS}):
        assert wxauth.get_client()._app.appid == wxauth.get_client(ONE)._app.appid == ONE
        with pytest.raises(UnknownApp):
            wxauth.get_client(TWO)


@pytest.mark.parametrize(
    "push",
    [{}, 5, {"TOKEN": ""}, {"TOKEN": 5}, {"TOKEN": "t", "AES_KEYS": "k" * 43},
     {"TOKEN": "t", "AES_KEYS": ["k"]}, {"TOKEN": "t", "AES_KEYS": [None]}],
)  # fmt: skip
def test_a_push_that_is_none_is_not_half_taken(push):
    apps = {"wx0000000000000009": {"SECRET": "s", "PUSH": push}}
    with (
        override_settings(WXAUTH={"APPS": apps}),
        pytest.raises(ImproperlyConfigured, match=r"APPS.* is not well-formed"),
    ):
        conf.get_app("wx0000000000000009")


def test_what_an_app_agreed_on_with_wechat_does_not_show():
    push = {"TOKEN": "canary-token", "AES_KEYS": ["canary" + "k" * 37]}
    apps = {"wx0000000000000009": {"SECRET": "s", "PUSH": push}}
    with override_settings(WXAUTH={"APPS": apps}):
        app = conf.get_app("wx0000000000000009")
        assert app.push.token.reveal() == "canary-token"
        assert "canary" not in repr(app)
