from __future__ import annotations

from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """A user of this project: staff with a password, or a person who came by WeChat without one.

    It stands here from the first migration because a project cannot change its user model later.
    Nothing of WeChat is in it: wxauth refers to the user, never the other way round.
    """
