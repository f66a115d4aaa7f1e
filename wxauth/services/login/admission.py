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
from wxauth.exceptions import Blocked, NotRegistered
from wxauth.models import Event, Identity, OpenId, Person
from wxauth.services import transactions
from wxauth.services.erasure import blocks
from wxauth.services.journal import events
from wxauth.types import App, Secret, Session
from wxauth.wiring import get_adapter

logger = logging.getLogger("wxauth.linking")


class TwoUsers(Exception):  # noqa: N818 - news, not an error
    """An openid of one user brought the unionid of another: WeChat says that they are one person.

    Holds keys: of the openid and its person, of the identity with the unionid and its owner.
    """

    def __init__(self, known: OpenId, owned: Identity) -> None:
        super().__init__()
        self.openid: int = known.pk
        self.person: Any = known.identity.person_id
        self.identity: int = owned.pk
        self.owner: Any = owned.person_id


@dataclass(frozen=True)
class Admission:
    """An openid with its identity, person and user at hand; ``created``: the user is new."""

    openid: OpenId
    created: bool
    #: Nobody knew this openid, nor its unionid: this is a sign-up, if only of a user who was there.
    stranger: bool = False


def refuse_strangers(*, app: App, session: Session, signup: bool) -> None:
    """Refuse early whom ``admit`` would refuse whatever else is sent: nothing is spent on them.

    Raises ``NotRegistered``.
    """
    if signup and conf.SIGNUP != "closed":
        return
    if (
        not OpenId.objects.filter(appid=app.appid, openid=session.openid).exists()
        and find_identity(app=app, session=session) is None
    ):
        raise NotRegistered("Nobody is registered under this openid.")


def admit(
    *,
    app: App,
    session: Session,
    signup: bool,
    extra: Mapping[str, Any],
    now: datetime,
    phone: Secret | None = None,
    may_join: bool = True,
) -> Admission:
    """The owner of this openid, made if need be. Part of the login's transaction.

    ``phone``: a number that WeChat has just told of this openid.

    Raises ``NotRegistered`` for a stranger who may not be registered now, ``Blocked`` for one who
    was blocked and erased, and ``SignupRefused`` where the adapter says so. Two requests that meet
    here violate a unique constraint; the story then starts again and finds what the other one made.

    Raises ``TwoUsers`` where two users are one person; without ``may_join``, the openid keeps the
    user that it has.
    """
    known = OpenId.objects.find(app.appid, session.openid)
    if known is not None:
        follow(known, app=app, session=session, may_join=may_join)
        return Admission(known, created=False)

    identity = find_identity(app=app, session=session)
    created, stranger = False, identity is None
    if identity is None:
        if not signup or conf.SIGNUP == "closed" or (conf.SIGNUP == "phone" and phone is None):
            raise NotRegistered("Nobody is registered under this openid.")
        if blocks.was_blocked(app=app, session=session, now=now):
            raise Blocked("This person was blocked, and erased.")
        person, created = _make_person(app=app, session=session, phone=phone, extra=extra, now=now)
        identity = Identity.objects.create(
            person=person, platform=app.platform, unionid=session.unionid
        )
    openid = OpenId.objects.create(
        identity=identity, appid=app.appid, openid=session.openid, created_at=now
    )
    return Admission(openid, created, stranger)


def find_identity(*, app: App, session: Session) -> Identity | None:
    """The owner of this unionid on the platform of this app."""
    if session.unionid is None:
        return None
    return (
        Identity.objects.select_related("person__user")
        .filter(platform=app.platform, unionid=session.unionid)
        .first()
    )


def _make_person(
    *,
    app: App,
    session: Session,
    phone: Secret | None,
    extra: Mapping[str, Any],
    now: datetime,
) -> tuple[Person, bool]:
    adapter = get_adapter()
    about: dict[str, Any] = {
        "app": app,
        "openid": session.openid,
        "unionid": session.unionid,
        "phone": phone,
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
    locked = (
        type(user)
        ._base_manager.using(router.db_for_write(Person))
        .select_for_update()
        .get(pk=user.pk)
    )
    if OpenId.objects.for_user(user, app.appid).exists():
        logger.warning(
            "find_user returned user %s, who already has another openid in %s; "
            "a new user is made instead.",
            user.pk,
            app.appid,
        )
        return None
    person, _ = Person.objects.get_or_create(user=locked, defaults={"created_at": now})
    # Not asked for again later: a router might send that to a replica.
    person.user = locked
    return person


def follow(known: OpenId, *, app: App, session: Session, may_join: bool) -> None:
    """See to it that the openid is where its app's platform and its unionid say.

    An absent unionid clears nothing. Whoever is shut out is not let in, and nothing is learned.
    Raises ``TwoUsers``, if it may.
    """
    identity = known.identity
    settled = session.unionid is None or session.unionid == identity.unionid
    if (settled and identity.platform == app.platform) or identity.person.is_shut_out:
        return
    owned = find_identity(app=app, session=session)
    if owned is not None and owned.person_id != identity.person_id:
        if may_join:
            raise TwoUsers(known, owned)
        return
    if owned is None and identity.unionid is None and identity.platform == app.platform:
        learned = Identity.objects.filter(pk=identity.pk, unionid=None)
        if not learned.update(unionid=session.unionid):
            raise transactions.Overtaken
        identity.unionid = session.unionid
        return
    # The binding moved: to another Open Platform account, or in our own settings. The openid keeps
    # its user; two platforms, or two unionids, never share an identity.
    if owned is None:
        owned = Identity.objects.create(
            person=identity.person, platform=app.platform, unionid=session.unionid
        )
    changed = identity.unionid is not None or identity.platform != app.platform
    rehome(known, identity, owned)
    owned.person = identity.person
    known.identity = owned
    if changed:
        events.record(
            kind=Event.Kind.UNIONID_CHANGED,
            user=identity.person_id,
            appid=app.appid,
            detail={"openid": known.pk, "from": identity.pk, "to": owned.pk},
        )


def rehome(openid: OpenId, old: Identity, new: Identity) -> bool:
    """Move an openid to another identity; the old one goes if it is left without openids.

    Answers whether it went. Raises ``Overtaken`` if the openid has moved meanwhile.
    """
    if not OpenId.objects.filter(pk=openid.pk, identity=old.pk).update(identity=new.pk):
        raise transactions.Overtaken
    if OpenId.objects.filter(identity=old.pk).exists():
        return False
    # Not delete(), which would take along an openid that came between the two statements: now its
    # foreign key objects, and the story starts again.
    Identity.objects.filter(pk=old.pk)._raw_delete(router.db_for_write(Identity))
    return True
