"""Import this first, and Django is set up with the settings of the tests."""

from __future__ import annotations

import os

import django
from django.apps import apps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.django_settings")
if not apps.ready:
    django.setup()
