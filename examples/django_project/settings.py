"""The settings of the project; Clerk's keys are read from the environment (CLERK_…)."""

import os

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "for this example alone")
DEBUG = True
ROOT_URLCONF = "examples.django_project.urls"
INSTALLED_APPS = ["clerk_ext.django"]
# Without one against CSRF: browsers send Clerk's cookie from pages of the same site only (SameSite=Lax).
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "clerk_ext.django.middleware.ClerkMiddleware"]
CLERK = {"IMPERSONATION": "refuse"}  # whoever acts as a user may look, and change nothing
