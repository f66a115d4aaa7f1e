"""The settings of the peers, and of a new project with wxauth's wheel: as small as can be, and the
same for all. TARGET names the module with the views."""

from __future__ import annotations

import os

import environ

env = environ.Env()
TARGET = os.environ["TARGET"]

SECRET_KEY = "for-the-bench-only-0123456789-0123456789-0123456789"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "rest_framework",
    *{
        "tutorial": ["rest_framework.authtoken", "targets.people"],
        "knox_tokens": ["knox", "targets.people"],
        "wheel": ["wxauth"],
    }.get(TARGET, ["targets.people"]),
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
ROOT_URLCONF = f"targets.{TARGET}"
DATABASES = {"default": env.db("DATABASE_URL")}
DATABASES["default"]["CONN_MAX_AGE"] = 60
CACHES = {"default": env.cache("CACHE_URL")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
LOGGING = {"version": 1, "root": {"level": "WARNING"}}
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer"}
if TARGET == "wheel":
    # What a project without kept connections would pay is in its hands: the advice is followed.
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    CACHES["default"]["OPTIONS"] = {"socket_timeout": 0.25, "socket_connect_timeout": 0.25}
    WXAUTH = {
        "APPS": {os.environ["WXAUTH_APPID"]: {"SECRET": os.environ["WXAUTH_SECRET"]}},
        "API_BASE": os.environ["WXAUTH_API_BASE"],
        "ENCRYPTION_KEYS": [os.environ["WXAUTH_ENCRYPTION_KEYS"]],
        "LOOKUP_KEY": os.environ["WXAUTH_LOOKUP_KEY"],
        "LIMITS": env.json("WXAUTH_LIMITS"),
        "CONCURRENCY": env.int("WXAUTH_CONCURRENCY"),
    }
