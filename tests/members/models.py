"""A user model of its own: a UUID for its key, no is_active, a half in another table."""

from __future__ import annotations

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class Member(AbstractBaseUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    number = models.CharField(max_length=30, unique=True)

    objects = BaseUserManager["Member"]()
    USERNAME_FIELD = "number"


class Customer(Member):
    """The other half of some members."""

    discount = models.IntegerField(default=0)


class Bill(models.Model):
    """Refers to a member by something else than the key."""

    member = models.ForeignKey(Member, models.CASCADE, to_field="number", db_column="member_no")


class Delivery(models.Model):
    """Refers to the other half."""

    customer = models.ForeignKey(Customer, models.CASCADE)
