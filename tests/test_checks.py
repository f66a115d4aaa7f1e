"""Every way to misconfigure wxauth has a number, says what to do, and repeats no secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core import checks as django_checks
from django.core.cache.backends.redis import RedisSerializer
from django.db import connection
from django.test import override_settings

from wxauth import checks, conf
from wxauth.crypto.keyring import generate_key

ONE = "wx0000000000000001"
CANARY = "0123456789abcdef0123456789abcdef"
KEY, OTHER_KEY = generate_key(), generate_key()
RIGHT = {
    "APPS": {ONE: {"SECRET": CANARY, "KIND": "miniprogram", "PLATFORM": "main", "NAME": "One"}},
    "ENCRYPTION_KEYS": [KEY],
    "LOOKUP_KEY": OTHER_KEY,
    "LOCAL_MEDIA": True,
}


def app(**changes):
    return {"APPS": {ONE: {**RIGHT["APPS"][ONE], **changes}}}


def without(key):
    return {name: value for name, value in RIGHT.items() if name != key}


def ids(declared, *, deploy=False, whole=False):
    """The ids of what the registered checks say; every message must be fit to be shown."""
    with override_settings(WXAUTH=declared if whole else {**RIGHT, **declared}):
        found = django_checks.run_checks(tags=["wxauth"], include_deployment_checks=deploy)
    for message in found:
        shown = f"{message.msg} {message.hint} {message.obj}"
        assert message.hint, message.id
        assert not any(secret in shown for secret in (CANARY, KEY, OTHER_KEY)), message.id
    return [message.id for message in found]


def test_a_right_configuration_has_nothing_said_about_it():
    assert ids({}) == []
    people = {
        "JOIN": False,
        "LINK_ENDS_OTHERS": True,
        "DISPOSABLE_WITH": ["shop.Profile"],
        "MERGE": {"shop.Order": "leave", "shop.Profile": "tests.rows.make_openid"},
        "LINK_AUTHENTICATION": ["rest_framework.authentication.SessionAuthentication"],
    }
    assert ids(people) == []
    assert ids(app(PUSH={"TOKEN": CANARY, "AES_KEYS": ["k" * 43, "o" * 43]})) == []
    assert ids({"SIGNUP": "phone"}) == ids({"SIGNUP": "closed"}) == []
    with override_settings(DEBUG=False):
        assert ids({"API_BASE": "https://api.weixin.qq.com/"}) == []


@pytest.mark.parametrize("declared", [None, CANARY, [CANARY], 5])
def test_wxauth_is_a_dict(declared):
    assert ids(declared, whole=True) == ["wxauth.E001"]
    assert ids(declared, whole=True, deploy=True) == ["wxauth.E001"]


WRONG = [
    # A typing error would otherwise go unnoticed.
    ("E002", {"TOKEN_TLL": 60}),
    ("E002", {"apps": {}}),
    ("E003", {"APPS": [CANARY]}),
    ("E003", {"APPS": CANARY}),
    ("E003", {"APPS": {ONE: CANARY}}),
    ("E003", {"APPS": None}),
    ("E004", {"APPS": {"": RIGHT["APPS"][ONE]}}),
    ("E004", {"APPS": {f"{ONE} ": RIGHT["APPS"][ONE]}}),
    ("E004", {"APPS": {5: RIGHT["APPS"][ONE]}}),
    # The two were swapped.
    ("E004", {"APPS": {CANARY: {"SECRET": ONE, "KIND": "nonsense"}}}),
    ("E004", {"APPS": {CANARY.upper(): {"SECRET": ONE}}}),
    ("E005", {"APPS": {ONE: {}}}),
    ("E005", app(SECRET="")),
    ("E005", app(SECRET=" ")),
    ("E005", app(SECRET=None)),
    ("E005", app(SECRET=[CANARY])),
    ("E006", app(KIND="mini-program")),
    ("E006", app(KIND=CANARY)),
    ("E006", app(KIND=["miniprogram"])),
    ("E006", app(KIND=None)),
    ("E007", app(PLATFORM="")),
    ("E007", app(PLATFORM="p" * 33)),
    ("E007", app(PLATFORM=5)),
    ("E008", app(SECRETS=CANARY)),
    ("E008", app(**{CANARY: CANARY})),
    ("E009", {"DEFAULT_APP": "wx0000000000000002"}),
    ("E009", {"DEFAULT_APP": CANARY}),
    ("E009", {"DEFAULT_APP": [ONE]}),
    ("E046", {"DEFAULT_APP": ONE, **app(KIND="website")}),
    ("E046", {"DEFAULT_APP": ONE, **app(KIND="officialaccount")}),
    ("E010", {"ENCRYPTION_KEYS": []}),
    ("E010", {"ENCRYPTION_KEYS": KEY}),
    ("E010", {"ENCRYPTION_KEYS": [CANARY]}),
    ("E010", {"ENCRYPTION_KEYS": [KEY, KEY]}),
    ("E010", {"ENCRYPTION_KEYS": [KEY, 5]}),
    ("E010", {"ENCRYPTION_KEYS": 5}),
    ("E010", {"ENCRYPTION_KEYS": {KEY: 1}}),
    ("E011", {"LOOKUP_KEY": ""}),
    ("E011", {"LOOKUP_KEY": CANARY}),
    ("E011", {"LOOKUP_KEY": 5}),
    ("E012", {"LOOKUP_KEY": KEY}),
    ("E013", {"TOKEN_TTL": 59}),
    ("E013", {"TOKEN_TTL": "60"}),
    ("E013", {"TOKEN_TTL": True}),
    ("E013", {"TOKEN_TTL": 60.5}),
    ("E013", {"TOKEN_TTL": None}),
    ("E013", {"DATA_MAX_AGE": -1}),
    ("E013", {"DATA_MAX_AGE": "long"}),
    ("E013", {"CONCURRENCY": 0}),
    ("E013", {"TRUSTED_PROXIES": -1}),
    ("E013", {"THREADS": 0}),
    ("E013", {"PROCESSES": None}),
    ("E014", {"SIGNUP": "sometimes"}),
    ("E014", {"SIGNUP": None}),
    ("E015", {"ADAPTER": "wxauth.adapter"}),
    ("E015", {"ADAPTER": "wxauth.nowhere.Adapter"}),
    ("E015", {"ADAPTER": "wxauth.models.Login"}),
    ("E015", {"ADAPTER": dict}),
    ("E015", {"ENVELOPE": "wxauth.conf.KEYS"}),
    ("E015", {"USER_SERIALIZER": "nowhere"}),
    ("E017", {"APPS": {ONE: {"SECRET": "x", "ACCESS_TOKEN": "wxauth.nowhere"}}}),
    ("E017", {"APPS": {ONE: {"SECRET": "x", "ACCESS_TOKEN": "wxauth.conf.KEYS"}}}),
    ("E017", {"APPS": {ONE: {"SECRET": "x", "ACCESS_TOKEN": 5}}}),
    ("E030", {"CLOUD": "False"}),
    ("E030", {"PREFETCH": 1}),
    ("E060", {"DELETION_DAYS": 16}),
    ("E060", {"DELETION_DAYS": -1}),
    ("E060", {"DELETION_DAYS": "7"}),
    ("E060", {"DELETION_DAYS": None}),
    ("E061", {"RETENTION": 30}),
    ("E061", {"RETENTION": {"login": 30}}),
    ("E061", {"RETENTION": {"logins": "30"}}),
    ("E061", {"RETENTION": {"events": -1}}),
    ("E061", {"RETENTION": {"blocks": True}}),
    ("E030", {"JOIN": "False"}),
    ("E030", {"LINK_ENDS_OTHERS": 1}),
    ("E030", {"LOCAL_MEDIA": "False"}),
    ("E030", {"REQUIRE_WATERMARK": "no"}),
    ("E030", {"SANDBOX": 1}),
    ("E031", {"DISPOSABLE_WITH": "shop.Profile"}),
    ("E031", {"LINK_AUTHENTICATION": CANARY}),
    ("E031", {"MERGE": ["shop.Profile"]}),
    ("E032", {"DISPOSABLE_WITH": ["shop.Profil"]}),
    ("E032", {"MERGE": {CANARY: "leave"}}),
    ("E032", {"DISPOSABLE_WITH": [5]}),
    ("E033", {"MERGE": {"shop.Profile": "keep"}}),
    ("E033", {"MERGE": {"shop.Profile": "wxauth.conf.KEYS"}}),
    ("E033", {"LINK_AUTHENTICATION": [CANARY]}),
    ("E016", {"API_BASE": "api.weixin.qq.com"}),
    ("E016", {"API_BASE": "ftp://api.weixin.qq.com"}),
    ("E016", {"API_BASE": "https://"}),
    ("E016", {"API_BASE": f"https://api.weixin.qq.com/?secret={CANARY}"}),
    ("E016", {"API_BASE": f"https://{CANARY}@api.weixin.qq.com"}),
    ("E016", {"API_BASE": "https://[::1"}),
    ("E016", {"API_BASE": 5}),
    ("E050", app(PUSH=CANARY)),
    ("E050", app(PUSH={})),
    ("E050", app(PUSH={"TOKEN": ""})),
    ("E050", app(PUSH={"TOKEN": 5, "AES_KEYS": ["k" * 43]})),
    ("E050", app(PUSH={"TOKEN": CANARY, "AES_KEYS": "k" * 43})),
    ("E050", app(PUSH={"TOKEN": CANARY, "AES_KEYS": ["k" * 42]})),
    ("E050", app(PUSH={"TOKEN": CANARY, "AES_KEYS": [CANARY * 2]})),
    ("E050", app(PUSH={"TOKEN": CANARY, "AES_KEYS": [5]})),
    ("E050", app(PUSH={"TOKEN": CANARY, "AES_KEY": ["k" * 43]})),
    ("E016", {"OPEN_BASE": "open.weixin.qq.com"}),
    ("E018", {"STAFF": "second"}),
    ("E018", {"STAFF": True}),
    ("E021", {"LIMITS": ["10/min"]}),
    ("E021", {"LIMITS": {"phone": "10"}}),
    ("E021", {"LIMITS": {"phone": "0/min"}}),
    ("E021", {"LIMITS": {"phone": "10/week"}}),
    ("E021", {"LIMITS": {"phone": 10}}),
    ("E021", {"LIMITS": {"telephone": "10/min"}}),
    ("E022", {"CACHE": "nowhere"}),
]


@pytest.mark.parametrize(("number", "declared"), WRONG)
def test_a_mistake_has_its_number_and_no_other(number, declared):
    assert ids(declared) == [f"wxauth.{number}"]


@pytest.mark.parametrize(("number", "declared"), WRONG)
def test_a_mistake_does_not_keep_the_checks_for_production_from_running(number, declared):
    assert f"wxauth.{number}" in ids(declared, deploy=True)


@pytest.mark.parametrize(("key", "number"), [("ENCRYPTION_KEYS", "E010"), ("LOOKUP_KEY", "E011")])
def test_a_key_that_is_missing_is_named(key, number):
    assert ids(without(key), whole=True) == [f"wxauth.{number}"]


def test_every_mistake_is_said_at_once():
    declared = {**app(SECRET="", KIND="x", PLATFORM="", WHAT=1), "LOOKUP_KEY": KEY, "SIGNUP": "x"}
    assert ids(declared) == [f"wxauth.E{number:03}" for number in (5, 6, 7, 8, 12, 14)]


def test_the_gateway_is_believed_in_a_container_of_its_own_only(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)
    monkeypatch.delenv("CBR_ENV_ID", raising=False)
    assert ids({"CLOUD": True}) == ["wxauth.E045"]
    assert ids({"CLOUD": False}) == []
    monkeypatch.setenv("CBR_ENV_ID", "prod-1a2b3c4d")
    assert ids({"CLOUD": True}) == []
    assert ids({"CLOUD": True}, deploy=True) == ["wxauth.W044"]


PRODUCTION = [
    ("E101", {"APPS": {}}),
    ("E102", {"SANDBOX": True}),
    ("E103", {"API_BASE": "http://wechat.example"}),
    ("W101", {"DATA_MAX_AGE": 0}),
    ("E104", {"LOCAL_MEDIA": False}),
    ("E105", app(PUSH={"TOKEN": CANARY})),
    ("E105", app(PUSH={"TOKEN": CANARY, "AES_KEYS": []})),
]


@pytest.mark.parametrize(("number", "declared"), PRODUCTION)
def test_what_a_developer_may_do_is_said_for_production_only(monkeypatch, number, declared):
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)
    assert ids(declared) == []
    assert ids(declared, deploy=True) == [f"wxauth.{number}"]
    assert ids({}, deploy=True) == []


@pytest.mark.parametrize(("seconds", "said"), [(0, ["wxauth.W102"]), (60, []), (None, [])])
def test_a_connection_for_every_request_is_said_for_production(monkeypatch, seconds, said):
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", seconds)
    assert ids({}, deploy=True) == said
    assert ids({}) == []


# -- pictures ----------------------------------------------------------------------------------


@pytest.fixture
def _a_kept_connection(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)


@pytest.mark.usefixtures("_a_kept_connection")
def test_pictures_in_object_storage_need_no_word(settings):
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }
    assert ids({"LOCAL_MEDIA": False}, deploy=True) == []


@pytest.mark.usefixtures("_a_kept_connection")
def test_where_nobody_can_upload_a_picture_that_is_said_instead(monkeypatch):
    monkeypatch.setattr(checks.production.pictures, "HAS_PILLOW", False)
    assert ids({}, deploy=True) == ids({"LOCAL_MEDIA": False}, deploy=True) == ["wxauth.W104"]
    assert ids({}) == []


# -- the cache ---------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _a_good_cache(settings):
    settings.CACHES = {"default": {**REDIS, "OPTIONS": {"socket_timeout": 0.25, **JSON}}}


REDIS = {
    "BACKEND": "django.core.cache.backends.redis.RedisCache",
    "LOCATION": f"redis://:{CANARY}@127.0.0.1:6379/0",
}
JSON = {"serializer": "django.core.signing.JSONSerializer"}
RUNS_CODE = ["wxauth.W105"]
DJANGO_REDIS = {**REDIS, "BACKEND": "django_redis.cache.RedisCache"}


@pytest.mark.parametrize(
    "options",
    [{}, {"socket_timeout": 5}, {"socket_timeout": None}, {"socket_timeout": 0}, {"db": "1"}],
    ids=repr,
)
def test_a_cache_that_can_keep_requests_waiting_is_a_warning(settings, options):
    settings.CACHES = {"default": {**REDIS, "OPTIONS": options}}
    assert ids({}) == ["wxauth.W021"]


@pytest.mark.parametrize("name", ["socket_timeout", "SOCKET_TIMEOUT"])
def test_a_cache_with_a_short_timeout_is_none(settings, name):
    slow = {**REDIS, "OPTIONS": {}}
    settings.CACHES = {"default": slow, "ours": {**REDIS, "OPTIONS": {name: 0.2}}}
    assert ids({"CACHE": "ours"}) == []


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_a_cache_that_no_process_shares_is_said_for_production(monkeypatch, settings, backend):
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)
    settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}
    assert ids({}) == []
    assert ids({}, deploy=True) == ["wxauth.W103"]


@pytest.mark.parametrize(
    ("cache", "options", "said"),
    [
        (REDIS, {}, RUNS_CODE),
        (REDIS, {"serializer": "django.core.cache.backends.redis.RedisSerializer"}, RUNS_CODE),
        (REDIS, {"serializer": RedisSerializer}, RUNS_CODE),
        (REDIS, {"serializer": "project.caches.PickleSerializer"}, RUNS_CODE),
        (REDIS, JSON, []),
        (DJANGO_REDIS, {}, RUNS_CODE),
        (
            DJANGO_REDIS,
            {"SERIALIZER": "django_redis.serializers.pickle.PickleSerializer"},
            RUNS_CODE,
        ),
        (DJANGO_REDIS, {"SERIALIZER": "django_redis.serializers.json.JSONSerializer"}, []),
    ],
    ids=repr,
)
@pytest.mark.usefixtures("_a_kept_connection")
def test_a_cache_that_runs_what_stands_in_it_is_said_for_production(settings, cache, options, said):
    settings.CACHES = {"default": {**cache, "OPTIONS": {"socket_timeout": 0.25, **options}}}
    assert ids({}) == []
    assert ids({}, deploy=True) == said


# -- what threads share -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"THREADS": 16}, []),
        ({"THREADS": 15}, ["wxauth.W023"]),
        ({"THREADS": 16, "CONCURRENCY": 9}, ["wxauth.W023"]),
        ({"THREADS": 2, "CONCURRENCY": 1}, []),
        ({"CONCURRENCY": 100}, []),
    ],
    ids=repr,
)
def test_calls_to_wechat_leave_half_of_the_threads_to_others(declared, said):
    assert ids(declared) == said


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        (True, ["wxauth.W024"]),
        ({"min_size": 2}, ["wxauth.W024"]),
        ({"max_size": 15}, ["wxauth.W024"]),
        ({"max_size": 16}, []),
        ({"min_size": 16}, []),
        (False, []),
    ],
    ids=repr,
)
def test_a_pool_of_connections_has_one_for_every_thread(monkeypatch, pool, said):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "pool", pool)
    assert ids({"THREADS": 16}) == said
    assert ids({}) == []


@pytest.mark.parametrize(("size", "said"), [(15, ["wxauth.W024"]), (16, []), (None, [])])
def test_the_cache_has_a_connection_for_every_thread(settings, size, said):
    options = {"socket_timeout": 0.25, "max_connections": size}
    settings.CACHES = {"default": {**REDIS, "OPTIONS": options}}
    assert ids({"THREADS": 16}) == said


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor == "sqlite", reason="It has no limit.")
def test_more_threads_than_the_database_has_connections_are_a_warning(settings):
    def said(processes, threads):
        settings.WXAUTH = {**RIGHT, "PROCESSES": processes, "THREADS": threads}
        return [message.id for message in checks.check_database(databases=["default"])]

    assert said(1, 2) == []
    assert said(1000, 1000) == ["wxauth.W025"]
    settings.WXAUTH = {**RIGHT, "THREADS": 10**6}
    assert checks.check_database(databases=["default"]) == []


# -- the database ------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_database_of_this_run_has_nothing_said_about_it():
    assert django_checks.run_checks(tags=["database"], databases=["default"]) == []


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "mysql", reason="The others have one kind of text.")
def test_a_connection_without_emoji_is_an_error():
    with connection.cursor() as cursor:
        cursor.execute("SET NAMES utf8mb3")
        found = checks.check_database(databases=["default"])
        cursor.execute("SET NAMES utf8mb4")
    assert [(message.id, bool(message.hint)) for message in found] == [("wxauth.E020", True)]


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="It is told by PostgreSQL's numbers.")
def test_a_pooler_with_server_side_cursors_is_a_warning(monkeypatch, settings):
    def said(**options):
        settings.WXAUTH = {**RIGHT, "PROCESSES": 1000, "THREADS": 1000}
        for name, value in options.items():
            monkeypatch.setitem(connection.settings_dict, name, value)
        return [message.id for message in checks.check_database(databases=["default"])]

    connection.ensure_connection()
    info = type(connection.connection.info)
    # What tests/deploy/test_pooler.py sees of a real one.
    monkeypatch.setattr(info, "backend_pid", 1)
    assert said() == ["wxauth.W026"]
    assert said(DISABLE_SERVER_SIDE_CURSORS=True) == []


def test_without_the_database_flag_no_connection_is_opened():
    # No django_db mark: a query would fail.
    assert checks.check_database() == checks.check_database(databases=["other"]) == []


# -- pages for browsers ------------------------------------------------------------------------

SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
USERS = "django.contrib.auth.middleware.AuthenticationMiddleware"
OURS = "wxauth.web.middleware.WeChatSessionMiddleware"
BACKEND = "wxauth.backends.WeChatBackend"


class OwnUsers(AuthenticationMiddleware):
    pass


@pytest.mark.parametrize(
    ("middleware", "backends", "missing"),
    [
        ([SESSIONS, USERS, OURS], [BACKEND], ""),
        ([SESSIONS, f"{__name__}.OwnUsers", OURS], [BACKEND], ""),
        ([USERS, OURS], [BACKEND], "SessionMiddleware"),
        ([SESSIONS], [BACKEND], f"AuthenticationMiddleware, {OURS}"),
        ([SESSIONS, USERS], [BACKEND], OURS),
        ([SESSIONS, OURS, USERS], [BACKEND], OURS),
        ([SESSIONS, USERS, OURS], [], BACKEND),
    ],
)
def test_pages_for_browsers_want_sessions_backend_and_middleware(
    settings, middleware, backends, missing
):
    settings.MIDDLEWARE, settings.AUTHENTICATION_BACKENDS = middleware, backends
    assert ids({}) == (["wxauth.E040"] if missing else [])
    with override_settings(WXAUTH=RIGHT):
        said = [message.msg for message in django_checks.run_checks(tags=["wxauth"])]
    assert [missing in text for text in said] == ([True] if missing else [])


@pytest.mark.parametrize(
    ("cookie", "said"),
    [
        ({"SAMESITE": "Strict"}, ["wxauth.E041"]),
        ({"SAMESITE": "None"}, []),
        ({"PATH": "/admin/"}, ["wxauth.E041"]),
        ({"PATH": "/wechat/"}, []),
        ({"SECURE": False}, ["wxauth.W042"]),
    ],
)
def test_the_sessions_cookie_must_come_back_from_wechat(settings, cookie, said):
    for name, value in cookie.items():
        setattr(settings, f"SESSION_COOKIE_{name}", value)
    assert ids({}) == said
    # Who has no such pages has no such worries, nor who has no pages at all.
    settings.ROOT_URLCONF = "tests.web.without"
    assert ids({}) == []
    settings.ROOT_URLCONF = None
    assert ids({}) == []


# -- what would be forgotten ------------------------------------------------------------------


def assert_every_setting_has_a_check(keys):
    """Nonsense in its place must be said. ``object()`` is the right value of no setting."""
    forgotten = [key for key in sorted(keys) if not ids({key: object()})]
    assert not forgotten, (
        f"Nobody says that WXAUTH[{forgotten[0]!r}] is wrong: add it to a table in "
        "wxauth/checks/values.py, or write it a check in the module of its subject."
    )


def test_every_setting_has_a_check():
    assert_every_setting_has_a_check(conf.KEYS)


def test_a_setting_without_a_check_would_be_named(monkeypatch):
    monkeypatch.setattr(checks.values, "KEYS", conf.KEYS | {"COLOUR"})
    with pytest.raises(AssertionError, match=r"WXAUTH\['COLOUR'\] is wrong: add it to a table"):
        assert_every_setting_has_a_check(checks.values.KEYS)


# -- the numbers -------------------------------------------------------------------------------


def test_every_number_is_used_for_one_thing_and_tried_here():
    files = sorted(Path(checks.__file__).parent.glob("*.py"))
    source = "\n".join(path.read_text() for path in files)
    used = re.findall(r'"wxauth\.([EW]\d+)"', source) + re.findall(r'"(E01[01])"', source)
    assert len(used) == len(set(used))
    tried = {number for number, _ in [*WRONG, *PRODUCTION]}
    assert set(used) == tried | {
        "E001",
        "E020",
        "W021",
        "W023",
        "W024",
        "W025",
        "W026",
        "W044",
        "E045",
        "W102",
        "W103",
        "W104",
        "W105",
        "E040",
        "E041",
        "W042",
        "W106",
    }
