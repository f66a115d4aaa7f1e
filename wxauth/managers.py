"""How rows are found. Everything reads from the database that is written to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from django.contrib.auth.models import AbstractBaseUser
from django.db import connections, models, router
from django.db.models import F, Value
from django.db.models.functions import Least

from .compiled import Compiled

if TYPE_CHECKING:
    from .models import Event, Login, OpenId

M = TypeVar("M", bound=models.Model, covariant=True)


class PrimaryManager(models.Manager[M]):
    """Reads where wxauth writes.

    A replica behind the primary does not know the login of a moment ago, nor that one was ended:
    a project's router that sends reads to it would let a revoked token in.
    """

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().using(router.db_for_write(self.model))


def locked(rows: models.QuerySet[M]) -> models.QuerySet[M]:
    """These rows, held until the transaction ends, in the order of their keys.

    Whoever inserts a row that refers to one of them does not wait, where the database can tell
    the difference: a login that does, and holds the next of them, would be a deadlock.
    """
    no_key = connections[rows.db].features.has_select_for_no_key_update
    return rows.select_for_update(no_key=no_key).order_by("pk")


class OpenIdQuerySet(models.QuerySet["OpenId"]):
    def for_user(self, user: AbstractBaseUser, appid: str) -> OpenIdQuerySet:
        """The openids of this user in this app, newest first (almost always one).

        What WeChat Pay and subscription messages need on the server::

            OpenId.objects.for_user(user, appid).first()
        """
        return self.filter(identity__person=user.pk, appid=appid).order_by("-pk")

    def with_owner(self, appid: str, openid: str) -> OpenIdQuerySet:
        """This openid with everything that a login asks about it, in one statement."""
        return self.filter(appid=appid, openid=openid).select_related("identity__person__user")


class LoginQuerySet(models.QuerySet["Login"]):
    def for_digest(self, digest: str) -> LoginQuerySet:
        """The login of a token with everything that a request asks about it, in one statement."""
        return self.filter(digest=digest).select_related("person__user", "via__identity")

    def live(self, now: datetime) -> LoginQuerySet:
        return self.filter(revoked_at=None, expires_at__gt=now)

    def revoke(self, now: datetime) -> int:
        """End these logins: their tokens die and their session_keys are forgotten.

        They expire at that moment, too, unless they had before: how long a login is kept after its
        end is counted from one column, whatever ended it.

        Answers how many ended ``now``: told again after a COMMIT that was not heard of, the same.
        """
        ended = self.filter(models.Q(revoked_at=None) | models.Q(revoked_at=now))
        return ended.update(
            revoked_at=now, sealed_session_key=None, expires_at=Least(F("expires_at"), Value(now))
        )


class EventQuerySet(models.QuerySet["Event"]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("Events are not changed.")

    def delete(self) -> NoReturn:
        raise TypeError("Events are not deleted.")

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list[Event]:
        if kwargs.get("update_conflicts"):
            raise TypeError("Events are not changed.")
        return super().bulk_create(objs, *args, **kwargs)


class EventManager(PrimaryManager.from_queryset(EventQuerySet)):  # type: ignore[misc]
    pass


class OpenIdManager(PrimaryManager.from_queryset(OpenIdQuerySet)):  # type: ignore[misc]
    _with_owner = Compiled(OpenIdQuerySet.with_owner)

    def find(self, appid: str, openid: str) -> OpenId | None:
        """The one of ``with_owner``, with a statement that is built once."""
        return self._with_owner.get(self.get_queryset(), appid, openid)


class LoginManager(PrimaryManager.from_queryset(LoginQuerySet)):  # type: ignore[misc]
    _for_digest = Compiled(LoginQuerySet.for_digest)

    def find(self, digest: str) -> Login | None:
        """The one of ``for_digest``, with a statement that is built once."""
        return self._for_digest.get(self.get_queryset(), digest)
