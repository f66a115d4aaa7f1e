from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wxauth.conf import KEYS

ROOT = Path(__file__).resolve().parents[2]
KEY = "dGVzdHMtb25seS1lbmNyeXB0aW9uLWtleS0tLS0tLS0="
OTHER = "dGVzdHMtb25seS1sb29rdXAta2V5LS0tLS0tLS0tLS0="
PRODUCTION = {
    "SECRET_KEY": "$tarts-with-a-dollar-and-has-fifty-characters-0123456789",
    "ALLOWED_HOSTS": "api.example.com",
    "WXAUTH_APPID": "wx0000000000000001",
    "WXAUTH_SECRET": "0123456789abcdef0123456789abcdef",
    "WXAUTH_ENCRYPTION_KEYS": KEY,
    "WXAUTH_LOOKUP_KEY": OTHER,
    "CACHE_URL": "redis://127.0.0.1:6379/0",
    "WXAUTH_LOCAL_MEDIA": "True",
}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The settings as a process with just these variables would have them."""

    def load(**variables: str) -> dict[str, Any]:
        monkeypatch.setattr("environ.Env.read_env", lambda *args, **kwargs: None)
        monkeypatch.setattr("os.environ", variables)
        path = ROOT / "config" / "settings.py"
        names: dict[str, Any] = {"__file__": str(path)}
        exec(compile(path.read_text(), str(path), "exec"), names)
        return names

    return load


def test_with_nothing_set_it_is_development_against_the_sandbox(load: Any):
    settings = load()
    assert settings["DEBUG"] is True
    # Django's own rule, then: this machine, under its own names.
    assert settings["ALLOWED_HOSTS"] == []
    assert settings["WXAUTH"]["SANDBOX"] is True
    assert "APPS" not in settings["WXAUTH"]
    assert settings["DATABASES"]["default"]["ENGINE"] == "django.db.backends.sqlite3"
    assert settings["DATABASES"]["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert settings["DATABASES"]["default"]["NAME"] == str(ROOT / "db.sqlite3")
    assert settings["LANGUAGE_CODE"] == "zh-hans"
    assert settings["TIME_ZONE"] == "Asia/Shanghai"


def test_empty_variables_count_as_unset(load: Any):
    names = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    empty, unset = load(**dict.fromkeys(names, "")), load()
    upper = [name for name in unset if name.isupper()]
    assert {name: empty[name] for name in upper} == {name: unset[name] for name in upper}


def test_a_secret_key_turns_debug_and_the_development_keys_off(load: Any):
    settings = load(SECRET_KEY="x" * 50)
    assert settings["DEBUG"] is False
    assert settings["WXAUTH"]["SANDBOX"] is False
    assert not {"ENCRYPTION_KEYS", "LOOKUP_KEY"} & set(settings["WXAUTH"])
    assert settings["ALLOWED_HOSTS"] == []
    assert settings["SESSION_COOKIE_SECURE"] is True


def test_a_secret_key_that_begins_with_a_dollar_is_taken_as_it_is(load: Any):
    assert load(SECRET_KEY="$HOME-and-more")["SECRET_KEY"] == "$HOME-and-more"


@pytest.mark.parametrize(
    ("variables", "key", "value"),
    [
        ({"WXAUTH_APPID": "wxa", "WXAUTH_SECRET": "s"}, "APPS", {"wxa": {"SECRET": "s"}}),
        ({"WXAUTH_APPID": "wxa", "WXAUTH_SECRET": "s"}, "SANDBOX", False),
        ({"WXAUTH_APPID": "wxa"}, "DEFAULT_APP", "wxa"),
        ({"WXAUTH_APPS": '{"wxa": {"SECRET": "s"}}'}, "APPS", {"wxa": {"SECRET": "s"}}),
        ({"WXAUTH_DEFAULT_APP": "wxb", "WXAUTH_APPID": "wxa"}, "DEFAULT_APP", "wxb"),
        ({"WXAUTH_API_BASE": "http://127.0.0.1:9"}, "API_BASE", "http://127.0.0.1:9"),
        ({"WXAUTH_ENCRYPTION_KEYS": "new, old"}, "ENCRYPTION_KEYS", ["new", "old"]),
        ({"WXAUTH_LOOKUP_KEY": "look"}, "LOOKUP_KEY", "look"),
        ({"WXAUTH_TOKEN_TTL": "60"}, "TOKEN_TTL", 60),
        ({"WXAUTH_DATA_MAX_AGE": "0"}, "DATA_MAX_AGE", 0),
        ({"WXAUTH_CONCURRENCY": "16"}, "CONCURRENCY", 16),
        ({"TRUSTED_PROXIES": "2"}, "TRUSTED_PROXIES", 2),
        ({"WEB_CONCURRENCY": "4"}, "PROCESSES", 4),
        ({"WEB_THREADS": "8"}, "THREADS", 8),
        ({"WXAUTH_SIGNUP": "phone"}, "SIGNUP", "phone"),
        ({"WXAUTH_STAFF": "alone"}, "STAFF", "alone"),
        ({"WXAUTH_OPEN_BASE": "http://127.0.0.1:9"}, "OPEN_BASE", "http://127.0.0.1:9"),
        ({"WXAUTH_LOCAL_MEDIA": "True"}, "LOCAL_MEDIA", True),
    ],
)
def test_each_variable_sets_its_key(load: Any, variables: dict[str, str], key: str, value: Any):
    wxauth = load(**variables)["WXAUTH"]
    assert wxauth[key] == value
    assert set(wxauth) <= KEYS


@pytest.mark.parametrize(
    ("variables", "name", "value"),
    [
        ({"DEBUG": "False"}, "DEBUG", False),
        ({"SECRET_KEY": "x", "DEBUG": "True"}, "DEBUG", True),
        ({"ALLOWED_HOSTS": "a.example, b.example"}, "ALLOWED_HOSTS", ["a.example", "b.example"]),
        ({"CSRF_TRUSTED_ORIGINS": "https://a"}, "CSRF_TRUSTED_ORIGINS", ["https://a"]),
        ({"SECURE_SSL_REDIRECT": "True"}, "SECURE_SSL_REDIRECT", True),
        ({"TIME_ZONE": "UTC"}, "TIME_ZONE", "UTC"),
        ({"LANGUAGE_CODE": "en"}, "LANGUAGE_CODE", "en"),
        ({"MEDIA_ROOT": "/srv/media"}, "MEDIA_ROOT", "/srv/media"),
        ({"MEDIA_URL": "https://cdn.example/"}, "MEDIA_URL", "https://cdn.example/"),
    ],
)
def test_each_of_djangos_variables_is_read(
    load: Any, variables: dict[str, str], name: str, value: Any
):
    assert load(**variables)[name] == value


def test_pictures_lie_on_the_disk_or_in_the_storage_that_is_named(load: Any):
    assert load()["STORAGES"]["default"]["BACKEND"].endswith("FileSystemStorage")
    named = load(MEDIA_STORAGE="a.Storage", MEDIA_STORAGE_OPTIONS='{"bucket_name": "b"}')
    expected = {"BACKEND": "a.Storage", "OPTIONS": {"bucket_name": "b"}}
    assert named["STORAGES"]["default"] == expected


def test_a_forwarded_scheme_counts_only_behind_a_proxy(load: Any):
    assert "SECURE_PROXY_SSL_HEADER" not in load()
    assert load(TRUSTED_PROXIES="1")["SECURE_PROXY_SSL_HEADER"][0] == "HTTP_X_FORWARDED_PROTO"


@pytest.mark.parametrize("scheme", ["sqlite:///x.db", "postgres://u@h/d", "mysql://u@h/d"])
def test_connections_are_kept_and_checked(load: Any, scheme: str):
    database = load(DATABASE_URL=scheme)["DATABASES"]["default"]
    assert database["CONN_MAX_AGE"] == 60
    assert database["CONN_HEALTH_CHECKS"] is True


def test_options_in_the_database_url_come_first(load: Any):
    database = load(DATABASE_URL="mysql://u@h/d?connect_timeout=9")["DATABASES"]["default"]
    assert database["OPTIONS"] == {"connect_timeout": 9, "charset": "utf8mb4"}


def test_postgresql_prepares_statements_unless_a_pooler_forbids_it(load: Any):
    def options(query: str) -> dict[str, Any]:
        url = f"postgres://u@h/d{query}"
        found: dict[str, Any] = load(DATABASE_URL=url)["DATABASES"]["default"]["OPTIONS"]
        return found

    prepared = {"connect_timeout": 3, "server_side_binding": True, "prepare_threshold": 5}
    assert options("") == prepared
    assert options("?server_side_binding=0") == {**prepared, "server_side_binding": 0}
    # A pooler gives every transaction another connection.
    assert options("?DISABLE_SERVER_SIDE_CURSORS=True") == {"connect_timeout": 3}


def test_a_redis_that_hangs_is_given_up_quickly(load: Any):
    options = load(CACHE_URL="redis://127.0.0.1:6379/0")["CACHES"]["default"]["OPTIONS"]
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (0.25, 0.25)


def test_every_variable_of_the_settings_is_in_the_example_file():
    source = (ROOT / "config" / "settings.py").read_text()
    example = (ROOT / ".env.example").read_text()
    read = set(re.findall(r'env(?:iron\.get|\.\w+)\(\s*"([A-Z_]+)"', source))
    gunicorn = (ROOT / "deploy" / "gunicorn.conf.py").read_text()
    read |= set(re.findall(r'_(?:number|text)\("([A-Z_]+)"', gunicorn))
    assert len(read) > 15
    assert read == set(re.findall(r"^#([A-Z_]+)=", example, re.MULTILINE))


@pytest.fixture
def manage(environment: dict[str, str]) -> Any:
    def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=environment | {"DJANGO_SETTINGS_MODULE": "config.settings"} | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    return manage


@pytest.mark.waits
def test_without_debug_check_names_everything_that_is_missing(manage: Any):
    done = manage("check", "--deploy", DEBUG="False")
    assert done.returncode == 1
    errors = done.stderr.partition("WARNINGS:")[0]
    for name in ("SECRET_KEY", "ALLOWED_HOSTS", "ENCRYPTION_KEYS", "LOOKUP_KEY", "WXAUTH_APPID"):
        assert name in errors


@pytest.mark.waits
def test_a_complete_production_environment_passes_every_check(manage: Any):
    done = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.waits
def test_json_logs_are_one_object_a_line(manage: Any):
    script = (
        "import logging, django; django.setup();"
        "logging.getLogger('wxauth').warning('two\\nlines', extra={'errcode': 40013})"
    )
    done = manage("shell", "-v0", "-c", script, LOG_FORMAT="json")
    assert '"message": "two\\nlines"' in done.stdout
    assert '"errcode": 40013' in done.stdout
    assert done.stdout.count("\n") == 1
