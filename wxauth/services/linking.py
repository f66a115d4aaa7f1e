"""Whose openid is this? One person, one user.

An openid names a person within one app; a unionid names a person on one platform. Both are taken
from WeChat's answer to this server only. A person is never found by anything that a client sent
or that was decrypted.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import router

from wxauth.clock import today
from wxauth.conf import conf
from wxauth.exceptions import NotRegistered
from wxauth.models import Identity, OpenId, Person
from wxauth.types import App, Session
from wxauth.wiring import get_adapter

logger = logging.getLogger("wxauth.linking")


@dataclass(frozen=True)
class Admission:
    """An openid with its identity, person and user at hand; ``created``: the user is new."""

    openid: OpenId
    created: bool


def admit(
    *, app: App, session: Session, signup: bool, extra: Mapping[str, Any], now: datetime
) -> Admission:
    """The owner of this openid, made if need be. Part of the login's transaction.

    Raises ``NotRegistered`` for a stranger who may not be registered now, and ``SignupRefused``
    where the adapter says so. Two requests that meet here violate a unique constraint; the story
    then starts again and finds what the other one made.
    """
    try:
        known = OpenId.objects.with_owner(app.appid, session.openid).get()
    except OpenId.DoesNotExist:
        pass
    else:
        _learn_unionid(known, app=app, session=session)
        return Admission(known, created=False)

    identity = _find_identity(app=app, session=session)
    created = False
    if identity is None:
        if not signup or conf.SIGNUP == "closed":
            raise NotRegistered("Nobody is registered under this openid.")
        person, created = _make_person(app=app, session=session, extra=extra, now=now)
        identity = Identity.objects.create(
            person=person, platform=app.platform, unionid=session.unionid
        )
    openid = OpenId.objects.create(
        identity=identity, appid=app.appid, openid=session.openid, created_at=now
    )
    return Admission(openid, created)


def _find_identity(*, app: App, session: Session) -> Identity | None:
    if session.unionid is None:
        return None
    return (
        Identity.objects.select_related("person__user")
        .filter(platform=app.platform, unionid=session.unionid)
        .first()
    )


def _make_person(
    *, app: App, session: Session, extra: Mapping[str, Any], now: datetime
) -> tuple[Person, bool]:
    adapter = get_adapter()
    about: dict[str, Any] = {
        "app": app,
        "openid": session.openid,
        "unionid": session.unionid,
        "phone": None,
        "extra": extra,
    }
    found = adapter.find_user(**about)
    if found is not None:
        adopted = _adopt(found, app=app, now=now)
        if adopted is not None:
            return adopted, False
    user: Any = adapter.build_user(**about)
    user.save(force_insert=True)
    return Person.objects.create(user=user, created_at=now, last_seen_on=today(now)), True


def _adopt(user: Any, *, app: App, now: datetime) -> Person | None:
    """The person of a user whom the adapter found, unless that would join two people."""
    # The lock makes two openids that claim one user at the same moment take turns.
    type(user)._base_manager.using(router.db_for_write(Person)).select_for_update().get(pk=user.pk)
    if OpenId.objects.for_user(user, app.appid).exists():
        logger.warning(
            "find_user returned user %s, who already has another openid in %s; "
            "a new user is made instead.",
            user.pk,
            app.appid,
        )
        return None
    person, _ = Person.objects.get_or_create(user=user, defaults={"created_at": now})
    return person


def _learn_unionid(known: OpenId, *, app: App, session: Session) -> None:
    """Note a unionid that WeChat says for the first time. An absent one clears nothing."""
    identity = known.identity
    if session.unionid is None or session.unionid == identity.unionid:
        return
    owner = _find_identity(app=app, session=session)
    if identity.unionid is None and identity.platform == app.platform and owner is None:
        Identity.objects.filter(pk=identity.pk, unionid=None).update(unionid=session.unionid)
        identity.unionid = session.unionid
    else:
        logger.warning(
            "The unionid of openid row %s is another one than before, or that of user %s; "
            "the login goes on as user %s and nothing is joined.",
            known.pk,
            owner.person_id if owner else "-",
            identity.person_id,
        )
