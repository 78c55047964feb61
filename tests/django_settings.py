"""The settings of every test that needs Django: a process can have Django's settings only once."""

from __future__ import annotations

from clerk_ext.testing import FakeClerk

SECRET_KEY = "a secret of the tests"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.django.site"
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "rest_framework",
    "drf_spectacular",
    "clerk_ext.django",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "clerk_ext.django.middleware.ClerkMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGGING_CONFIG = None  # what is refused is no news in a test run
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
# Each test has instances of its own; this one is for those that ask nothing.
CLERK = {"PUBLISHABLE_KEY": FakeClerk("nobody").publishable_key, "AUTHORIZED_PARTIES": ["https://app.example.com"]}
