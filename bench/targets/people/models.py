"""What the peers store: Django's user, one row per person, and (raw SQL, ORM) one per token."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Account(models.Model):
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    openid = models.CharField(max_length=64, unique=True)
    session_key = models.CharField(max_length=64)
    phone = models.CharField(max_length=20, blank=True)


class Token(models.Model):
    digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    expires_at = models.DateTimeField()
