"""A project around the users: every way in which a row can refer to one."""

from __future__ import annotations

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

USER = settings.AUTH_USER_MODEL


class Order(models.Model):
    """The plain case."""

    user = models.ForeignKey(USER, models.CASCADE)
    text = models.CharField(max_length=50)


class Profile(models.Model):
    """One for each user."""

    user = models.OneToOneField(USER, models.CASCADE)
    city = models.CharField(max_length=50, blank=True)
    points = models.IntegerField(default=0)
    invitation = models.CharField(max_length=20, unique=True, null=True)  # noqa: DJ001


class Wallet(models.Model):
    """One for each user, with the user's key for its own."""

    user = models.OneToOneField(USER, models.CASCADE, primary_key=True)
    balance = models.DecimalField(max_digits=9, decimal_places=2, default=0)


class Payment(models.Model):
    """Hangs on a wallet."""

    wallet = models.ForeignKey(Wallet, models.CASCADE)
    amount = models.DecimalField(max_digits=9, decimal_places=2)


class Club(models.Model):
    name = models.CharField(max_length=50)
    members = models.ManyToManyField(USER, through="Membership", related_name="clubs")
    fans = models.ManyToManyField(USER, related_name="adored_clubs")


class Membership(models.Model):
    """A through table of the project's own."""

    user = models.ForeignKey(USER, models.CASCADE)
    club = models.ForeignKey(Club, models.CASCADE)
    role = models.CharField(max_length=20, default="member")

    class Meta:
        unique_together = [("user", "club")]


class Favourite(models.Model):
    """Unique together, as people write it today."""

    user = models.ForeignKey(USER, models.CASCADE)
    product = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "product"], name="shop_favourite_uniq")
        ]


class Slug(models.Model):
    """Unique by an expression, which only the constraint itself understands."""

    owner = models.ForeignKey(USER, models.CASCADE)
    text = models.CharField(max_length=20)

    class Meta:
        constraints = [models.UniqueConstraint("owner", Lower("text"), name="shop_slug_uniq")]


class Invitation(models.Model):
    """Two users in one row, who must not be one."""

    inviter = models.ForeignKey(USER, models.CASCADE, related_name="+")
    invitee = models.ForeignKey(USER, models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(inviter=F("invitee")), name="shop_invitation_check")
        ]


class Comment(models.Model):
    """About anything, users included."""

    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.CharField(max_length=50)
    about = GenericForeignKey()
    text = models.CharField(max_length=50)


class Address(models.Model):
    """Refers to wxauth's own half of a user."""

    person = models.ForeignKey("wxauth.Person", models.CASCADE)
    street = models.CharField(max_length=50)
