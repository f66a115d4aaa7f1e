"""Linking on purpose: a user who is logged in adds a WeChat app, or removes an identity."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.db import router, transaction
from django.db.models import Q
from django.dispatch import Signal
from django.utils import timezone

from wxauth import signals
from wxauth.conf import conf
from wxauth.exceptions import Blocked, CodeUsed, LastIdentity, NotFound
from wxauth.exceptions import Conflict as Taken
from wxauth.models import Conflict, Event, Identity, Login, OpenId, Person
from wxauth.services import transactions
from wxauth.services.erasure import blocks
from wxauth.services.journal import events, outcomes
from wxauth.types import App, Secret, Session
from wxauth.wiring import get_adapter

from . import admission
from .entry import Device, LoggedIn, Opening, find_opened, open_login
from .exchange import exchange


def list_identities(*, login: Login) -> list[Identity]:
    """What the caller can log in with, oldest first, with the openids at hand."""
    mine = Identity.objects.filter(person=login.person_id, openids__isnull=False).distinct()
    return list(mine.order_by("pk").prefetch_related("openids"))


def link(*, user: Any, app: App, code: Secret, device: Device | None = None) -> LoggedIn:
    """Add the WeChat app that this fresh code comes from to a user, and log the user in there.

    Raises what a login raises, and ``Conflict`` for an openid or unionid of another user, or where
    the user has another openid in this app: that is another WeChat account. Nobody changes hands.
    """
    try:
        # A code works once, for one user: unlike at a login, a second request shares nothing.
        session = exchange(app=app, code=code)
    except CodeUsed:
        outcomes.code_reused(app.appid, None)
        raise
    opening = Opening()
    login = transactions.run(
        partial(
            _link,
            key=user.pk,
            app=app,
            session=session,
            opening=opening,
            device=device or Device(),
        )
    )
    payload = get_adapter().login_payload(user=login.person.user, login=login, created=False)
    return LoggedIn(login, opening.token, created=False, warnings=(), extra=payload)


def add(*, key: Any, app: App, code: Secret, keep: int | None) -> None:
    """Add the WeChat app that this code comes from to the user with this key.

    For a browser, which is logged in already: unlike ``link``, this opens no login. ``keep`` is the
    key of the one that the browser stands on, if any.

    Raises what ``link`` raises.
    """
    session = exchange(app=app, code=code)
    transactions.run(partial(_add, key=key, app=app, session=session, keep=keep))


def unlink(*, login: Login, identity_id: int) -> None:
    """Remove an identity of the caller, with its openids and their logins.

    Raises ``NotFound``, also for somebody else's, and ``LastIdentity``.
    """
    transactions.run(partial(_unlink, login=login, identity_id=identity_id, written=[]))


def _link(*, key: Any, app: App, session: Session, opening: Opening, device: Device) -> Login:
    if opened := find_opened(opening, request=device.request):
        login, _ = opened
        if login.via.created_at == login.created_at:
            _announce(signals.linked, login.person.user, appid=app.appid)
        return login
    now = timezone.now()
    openid, person = _take_over(key, app=app, session=session, now=now)
    login = open_login(
        openid=openid, app=app, session=session, opening=opening, device=device, now=now
    )
    _end_others(person, login.pk, now)
    return login


def _add(*, key: Any, app: App, session: Session, keep: int | None) -> None:
    now = timezone.now()
    _, person = _take_over(key, app=app, session=session, now=now)
    _end_others(person, keep, now)


def _take_over(key: Any, *, app: App, session: Session, now: datetime) -> tuple[OpenId, Person]:
    """The openid as one of this user's, with its news."""
    user = lock_user(key)
    person, _ = Person.objects.get_or_create(user=user, defaults={"created_at": now})
    person.user = user
    if person.is_shut_out:
        raise Blocked("This person may not log in.")
    openid, new = own(person, app=app, session=session, now=now)
    if new:
        events.record(
            kind=Event.Kind.LINKED,
            user=user,
            appid=app.appid,
            actor=user,
            detail={"openid": openid.pk, "identity": openid.identity_id},
        )
        _announce(signals.linked, user, appid=app.appid)
    return openid, person


def own(person: Person, *, app: App, session: Session, now: datetime) -> tuple[OpenId, bool]:
    """The openid as one of this person's, and whether it is new. Part of a transaction.

    Raises ``Conflict``, and ``Blocked``.
    """
    known = OpenId.objects.find(app.appid, session.openid)
    owned = admission.find_identity(app=app, session=session)
    for identity in (known.identity if known else None, owned):
        if identity is not None and identity.person_id != person.pk:
            raise Taken("This WeChat identity belongs to another user.")
    if known is not None:
        admission.follow(known, app=app, session=session, may_join=False)
        return known, False
    if OpenId.objects.for_user(person.user, app.appid).exists():
        raise Taken("This user has another openid in this app.")
    if owned is None and blocks.was_blocked(app=app, session=session, now=now):
        raise Blocked("This WeChat account was blocked, and its user erased.")
    identity = owned or Identity(person=person, platform=app.platform, unionid=session.unionid)
    identity.person = person
    if owned is None:
        identity.save(force_insert=True)
    openid = OpenId.objects.create(
        identity=identity, appid=app.appid, openid=session.openid, created_at=now
    )
    return openid, True


def _unlink(*, login: Login, identity_id: int, written: list[Event]) -> None:
    now = timezone.now()
    # The lock makes two that would remove each other's last companion take turns.
    user = lock_user(login.person_id)
    identity = Identity.objects.filter(person=login.person_id, pk=identity_id).first()
    if identity is None:
        # Told again after a COMMIT that was not heard of, it finds what it has written.
        if any(Event.objects.filter(pk=e.pk, created_at=e.created_at).exists() for e in written):
            _announce(signals.unlinked, user)
            return
        raise NotFound("No such identity.")
    if not has_another(user, besides=identity_id):
        raise LastIdentity("The last way to log in is not removed.")
    appids = sorted(identity.openids.values_list("appid", flat=True))
    remove(identity)
    _end_others(login.person, login.pk, now)
    event = events.record(
        kind=Event.Kind.UNLINKED,
        user=user,
        actor=user,
        detail={"identity": identity_id, "apps": appids},
    )
    written.append(event)
    _announce(signals.unlinked, user)


def has_another(user: Any, *, besides: int) -> bool:
    """Whether this user can log in without the identity with this key."""
    others = Identity.objects.filter(person=user.pk, openids__isnull=False).exclude(pk=besides)
    return others.exists() or get_adapter().has_other_login(user=user)


def remove(identity: Identity) -> None:
    """An identity goes, with its openids and their logins. Part of a transaction."""
    owner = identity.person_id
    identity.delete()
    # If they are still one, the next login says so.
    Conflict.objects.filter(Q(person=owner) | Q(owner=owner)).delete()


def lock_user(key: Any) -> Any:
    """The user with this key, until the transaction ends. Raises ``NotFound``."""
    users = get_user_model()._base_manager.using(router.db_for_write(Person))
    user = users.select_for_update().filter(pk=key).first()
    if user is None:
        raise NotFound("No such user.")
    return user


def _end_others(person: Person, keep: int | None, now: datetime) -> None:
    if conf.LINK_ENDS_OTHERS:
        Login.objects.filter(person=person).exclude(pk=keep).revoke(now)


def _announce(signal: Signal, user: Any, **news: Any) -> None:
    transaction.on_commit(
        partial(signal.send_robust, sender=type(user), user=user, **news),
        using=router.db_for_write(Person),
    )
