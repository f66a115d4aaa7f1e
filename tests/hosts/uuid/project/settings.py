"""An API and nothing else: users with UUIDs, no admin, no sessions, no messages, no templates."""

SECRET_KEY = "uuid"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [
    "accounts",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "wxauth",
]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "project.urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
AUTH_USER_MODEL = "accounts.Account"
LANGUAGE_CODE = "en"
MEDIA_ROOT = "media"
MEDIA_URL = "https://pictures.example.com/"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["wxauth.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
WXAUTH = {
    "APPS": {
        "wx0000000000000001": {"SECRET": "secret-of-app-one"},
        "wx0000000000000002": {"SECRET": "secret-of-app-two"},
    },
    "DEFAULT_APP": "wx0000000000000001",
    "ENCRYPTION_KEYS": ["dGVzdHMtb25seS1lbmNyeXB0aW9uLWtleS0tLS0tLS0="],
    "LOOKUP_KEY": "dGVzdHMtb25seS1sb29rdXAta2V5LS0tLS0tLS0tLS0=",
}
