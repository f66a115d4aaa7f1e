"""A mini-program hands its login to its own web-view: a ticket in an address, good once.

Signed with the SECRET_KEY, so that no other site's is taken, and bound to a login that is live.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.core import signing
from django.db import IntegrityError, router, transaction
from django.utils import timezone

from wxauth.conf import conf
from wxauth.exceptions import InvalidTicket
from wxauth.models import Login, SpentData
from wxauth.services import transactions
from wxauth.types import Channel, Secret, Session
from wxauth.wiring import get_lookup_key

from .entry import Device
from .signing_in import sign_in

#: Seconds: for opening a page and one tap.
LIFE = 60


def issue(*, login: Login) -> Secret:
    """A ticket for this login. Nothing is written."""
    return Secret(_signer().sign_object([login.pk, secrets.token_urlsafe(12)]))


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt="wxauth.web-ticket")


def read(ticket: Secret) -> Login:
    """The login that this ticket was made for. Raises ``InvalidTicket``."""
    try:
        key, _ = _signer().unsign_object(ticket.reveal(), max_age=LIFE)
    except signing.BadSignature:
        raise InvalidTicket("A ticket that is not ours, or too old.") from None
    live = Login.objects.live(timezone.now()).select_related("person__user", "via")
    login: Login | None = live.filter(pk=key).first()
    if login is None or login.person.is_shut_out:
        raise InvalidTicket("The login of this ticket has ended.")
    return login


def redeem(ticket: Secret, *, device: Device, seconds: int) -> Login:
    """Open a login of so many seconds in the browser that brought this ticket.

    Raises ``InvalidTicket``, also for one that was used, and what ``sign_in`` raises.
    """
    mother = read(ticket)
    transactions.run(lambda: _spend(ticket))
    done = sign_in(
        app=conf.get_app(mother.appid),
        session=Session(openid=mother.openid),
        device=device,
        channel=Channel.WEB_VIEW,
        signup=False,
        seconds=seconds,
        browser=True,
    )
    return done.login


def _spend(ticket: Secret) -> None:
    digest = get_lookup_key().digest("web-ticket", ticket.reveal())
    # Longer than the ticket by as much as clocks may differ.
    ends = timezone.now() + timedelta(seconds=2 * LIFE)
    try:
        with transaction.atomic(using=router.db_for_write(SpentData)):
            SpentData.objects.create(digest=digest, expires_at=ends)
    except IntegrityError:
        raise InvalidTicket("This ticket was used before.") from None
