from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models


class Users(AbstractUser):
    mobile = models.CharField("电话", max_length=20, blank=True)

    class Meta:
        db_table = "system_users"


class Notice(models.Model):
    title = models.CharField(max_length=50)
    created = models.DateTimeField(auto_now_add=True)


class Order(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    text = models.CharField(max_length=50)


class OperationLog(models.Model):
    path = models.CharField(max_length=200)
    body = models.TextField()
    answer = models.TextField()
