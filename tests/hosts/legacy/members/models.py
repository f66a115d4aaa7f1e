from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.signals import post_save
from django.dispatch import receiver
from rest_framework.authtoken.models import Token


class Member(AbstractUser):
    openid = models.CharField(max_length=64, unique=True, null=True)  # noqa: DJ001
    mobile = models.CharField(max_length=20, blank=True)


@receiver(post_save, sender=settings.AUTH_USER_MODEL)
def give_token(sender, instance, created, **kwargs):
    if created:
        Token.objects.create(user=instance)
