"""The settings of this project, from the environment or a file ``.env`` beside ``manage.py``.

``.env.example`` lists every variable. With none of them set the project runs in development mode,
on SQLite, against the built-in sandbox. With ``DEBUG`` off nothing is made up: what is missing
stays empty, and ``manage.py check --deploy`` names it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import environ
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
environ.Env.read_env(BASE_DIR / ".env")
env = environ.Env()
# A variable that is empty is not set: compose files and consoles pass all of them on.
env.ENVIRON = {name: value for name, value in os.environ.items() if value}

# Not through env: it takes a leading "$" for the name of another variable, and random keys do
# begin with one.
SECRET_KEY = os.environ.get("SECRET_KEY", "")
# Whoever sets a SECRET_KEY means it: from then on DEBUG has to be asked for.
DEBUG = env.bool("DEBUG", default=not SECRET_KEY)
if DEBUG and not SECRET_KEY:
    SECRET_KEY = "insecure-development-key-0123456789abcdefghijklmnopqrstuvwxyz"  # noqa: S105
# Empty under DEBUG means this machine only: any other name would let a web page that the developer
# visits reach this server through a name of its own (DNS rebinding). `manage.py dev` adds the
# addresses that HOST opens.
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", cast=str.strip, default=[])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", cast=str.strip, default=[])

# -- applications ------------------------------------------------------------------------------

INSTALLED_APPS = [
    "users",
    "wxauth",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    # First: a load balancer asks by address and without TLS.
    "wxauth.api.health.HealthMiddleware",
    "config.errors.forbidden_hosts",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "wxauth.web.middleware.WeChatSessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# -- database and cache ------------------------------------------------------------------------

_database = f"sqlite:///{quote(str(BASE_DIR))}/db.sqlite3"
if _address := os.environ.get("MYSQL_ADDRESS"):
    # What WeChat Cloud Hosting tells its containers. Not through env, like SECRET_KEY.
    _user = quote(os.environ.get("MYSQL_USERNAME", ""), safe="")
    _password = quote(os.environ.get("MYSQL_PASSWORD", ""), safe="")
    _name = env.str("MYSQL_DATABASE", default="wxauth")
    _database = f"mysql://{_user}:{_password}@{_address}/{_name}"
DATABASES: dict[str, dict[str, Any]] = {"default": env.db("DATABASE_URL", default=_database)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE: a transaction that reads first and writes later cannot wait for its turn, it fails.
    _defaults: dict[str, Any] = {
        "timeout": 5,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
    }
else:
    _defaults = {"connect_timeout": 3}
    if DATABASES["default"]["ENGINE"] == "django.db.backends.mysql":
        _defaults["charset"] = "utf8mb4"
    elif DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql" and not DATABASES[
        "default"
    ].get("DISABLE_SERVER_SIDE_CURSORS"):
        # What a connection executes for the sixth time, PostgreSQL need not parse and plan again:
        # nine tenths of what it costs to check a token. Behind a pooler, which gives every
        # transaction another connection, there is nothing to come back to.
        _defaults |= {"server_side_binding": True, "prepare_threshold": 5}
# Without kept connections every request opens one, which doubles the cost of a login.
DATABASES["default"].setdefault("CONN_MAX_AGE", 60)
DATABASES["default"].setdefault("CONN_HEALTH_CHECKS", True)
DATABASES["default"]["OPTIONS"] = _defaults | DATABASES["default"].get("OPTIONS", {})
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES: dict[str, dict[str, Any]] = {"default": env.cache("CACHE_URL", default="locmemcache://")}
if CACHES["default"]["BACKEND"] == "django.core.cache.backends.redis.RedisCache":
    _defaults = {
        # A Redis that hangs would otherwise hold every request for seconds.
        "socket_timeout": 0.25,
        "socket_connect_timeout": 0.25,
        # Django's own unpickles what it finds: whoever can write to Redis runs their code here.
        "serializer": "django.core.signing.JSONSerializer",
    }
    CACHES["default"]["OPTIONS"] = _defaults | CACHES["default"].get("OPTIONS", {})

# -- users -------------------------------------------------------------------------------------

AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "wxauth.backends.WeChatBackend",
]
# Where the buttons are; problems at a login lead back to it.
LOGIN_URL = LOGIN_REDIRECT_URL = "website"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# -- language and time -------------------------------------------------------------------------

LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="zh-hans")
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.str("TIME_ZONE", default="Asia/Shanghai")
USE_TZ = True

# -- HTTP --------------------------------------------------------------------------------------

TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=False)
if TRUSTED_PROXIES:
    # Otherwise anybody may send the header.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
# TLS ends at the proxy: redirects and HSTS are its own.
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008"]

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
MEDIA_URL = env.str("MEDIA_URL", default="media/")
MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(BASE_DIR / "media"))
STORAGES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": env.str("MEDIA_STORAGE", default="django.core.files.storage.FileSystemStorage"),
        "OPTIONS": env.json("MEDIA_STORAGE_OPTIONS", default={}),
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
SPECTACULAR_SETTINGS = {
    "TITLE": "wxauth",
    "DESCRIPTION": "WeChat login: every answer says what the phone should do next.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    # From the sidecar package, not from a CDN: the page works without the internet.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# -- logging -----------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"format": "{asctime} {levelname} {name} {message}", "style": "{"},
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        },
    },
    "filters": {
        "request": {"()": "wxauth.logging.RequestFilter"},
        "query": {"()": "wxauth.logging.QueryFilter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": env.str("LOG_FORMAT", default="text"),
            "filters": ["request", "query"],
        },
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    # Django's own handlers (one for DEBUG, one that mails) give way to the one above.
    "loggers": {"django": {"handlers": [], "level": "INFO"}},
}

# -- wxauth ------------------------------------------------------------------------------------

_apps: dict[str, Any] = env.json("WXAUTH_APPS", default={})
if _appid := env.str("WXAUTH_APPID", default=""):
    _apps[_appid] = {"SECRET": env.str("WXAUTH_SECRET", default="")}
_wxauth: dict[str, Any] = {
    "ADAPTER": "users.wechat.Adapter",
    "SANDBOX": DEBUG and not _apps,
    "APPS": _apps,
    "DEFAULT_APP": env.str("WXAUTH_DEFAULT_APP", default=_appid),
    "API_BASE": env.str("WXAUTH_API_BASE", default=""),
    "OPEN_BASE": env.str("WXAUTH_OPEN_BASE", default=""),
    "ENCRYPTION_KEYS": env.list(
        "WXAUTH_ENCRYPTION_KEYS",
        cast=str.strip,
        default=["ZGV2ZWxvcG1lbnQtb25seS1lbmNyeXB0aW9uLWtleS0="] if DEBUG else [],
    ),
    "LOOKUP_KEY": env.str(
        "WXAUTH_LOOKUP_KEY",
        default="ZGV2ZWxvcG1lbnQtb25seS1sb29rdXAta2V5LS0tLS0=" if DEBUG else "",
    ),
    "TOKEN_TTL": env.int("WXAUTH_TOKEN_TTL", default=None),
    "DATA_MAX_AGE": env.int("WXAUTH_DATA_MAX_AGE", default=None),
    "CONCURRENCY": env.int("WXAUTH_CONCURRENCY", default=None),
    "PROCESSES": env.int("WEB_CONCURRENCY", default=None),
    "THREADS": env.int("WEB_THREADS", default=None),
    "LIMITS": env.json("WXAUTH_LIMITS", default={}),
    "TRUSTED_PROXIES": TRUSTED_PROXIES,
    "DELETION_DAYS": env.int("WXAUTH_DELETION_DAYS", default=None),
    "RETENTION": env.json("WXAUTH_RETENTION", default={}),
    "SIGNUP": env.str("WXAUTH_SIGNUP", default=""),
    "CLOUD": env.bool("WXAUTH_CLOUD", default=None),
    "PREFETCH": env.bool("WXAUTH_PREFETCH", default=DEBUG or None),
    "STAFF": env.str("WXAUTH_STAFF", default=""),
    "LOCAL_MEDIA": env.bool("WXAUTH_LOCAL_MEDIA", default=None),
}
# What is not set is left out, so that the defaults stand in one place, wxauth/conf.py.
WXAUTH = {key: value for key, value in _wxauth.items() if value not in (None, "", [], {})}
