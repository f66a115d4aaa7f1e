"""A shop whose clients were there before wxauth: each has a login view of its own.

The views and the tests in ``shop`` are those of docs/login-views.md and docs/testing.md.
"""

SECRET_KEY = "clients"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
INSTALLED_APPS = [
    "shop",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "wxauth",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "project.urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
USE_TZ = True
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "access": {"format": "access {method} {path} {status} {code} {appid}", "style": "{"}
    },
    "handlers": {"access": {"class": "logging.StreamHandler", "formatter": "access"}},
    "loggers": {"wxauth.access": {"level": "INFO", "handlers": ["access"]}},
}
WXAUTH = {
    "APPS": {
        "wx0000000000000001": {"SECRET": "secret-of-app-one"},
        "wx0000000000000002": {"SECRET": "secret-of-app-two"},
    },
    "DEFAULT_APP": "wx0000000000000001",
    "ENCRYPTION_KEYS": ["dGVzdHMtb25seS1lbmNyeXB0aW9uLWtleS0tLS0tLS0="],
    "LOOKUP_KEY": "dGVzdHMtb25seS1sb29rdXAta2V5LS0tLS0tLS0tLS0=",
    # So that each test has an address of its own.
    "TRUSTED_PROXIES": 1,
    # A day's window does not end in the middle of a test but at midnight.
    "LIMITS": {"login_address": "3/day"},
}
