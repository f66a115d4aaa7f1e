"""PUBLIC: what a project asks about its own users.

A user is given as the user object or its key, of whatever user model the project has. An
unreachable database is ``DatabaseUnavailable`` where something is written, and Django's own
``OperationalError`` where something is read.

::

    from wxauth import people

    number = people.get_phone(order.customer)
    if number is not None:
        send_sms(number.reveal(), "…")
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db.models import Model

from .exceptions import NotFound
from .models import Login, Merge, Person
from .services.login import logout
from .services.merging import merges
from .services.profile import phone
from .types import Secret

__all__ = ["Secret", "end_logins", "find_by_phone", "get_phone", "merge"]


def get_phone(user: Any) -> Secret | None:
    """The phone number of this user in E.164 form (``+8613800138000``), or None.

    ``reveal()`` gives the text: a ``Secret`` shows itself neither in a log nor on an error page.
    None also where no configured key opens the stored number; then the log (``wxauth.phone``) says
    so. One statement. Raises ``NotFound`` for what cannot be the key of a user.
    """
    person = Person.objects.filter(pk=_key(user)).only("sealed_phone").first()
    return None if person is None else phone.read(person)


def find_by_phone(number: Secret | str | None) -> AbstractBaseUser | None:
    """The user with this phone number, or None.

    Written as people write it: ``+86 138 0013 8000``, ``0086…``, and of mainland China without the
    country code. What is no number, and None, is nobody's. A user who is blocked or inactive is
    found too: look at ``is_active`` before you let anybody in. One statement.

    It says who gave this number in WeChat, and carriers give numbers to new owners: whoever names
    it is not thereby that user.
    """
    if number is None:
        return None
    parsed = phone.parse(number.reveal() if isinstance(number, Secret) else number)
    person = None if parsed is None else phone.find(parsed)
    return None if person is None else person.user


def end_logins(user: Any, *, keep: Login | None = None) -> int:
    """End every login of this user, on all devices and in all apps: a password was changed, a phone
    was lost. ``keep`` is the one that stays (``request.auth``). Answers how many were live.

    The tokens die at once, and the session_keys are forgotten. No signal is sent: nobody logged
    out. Logins of the project's own (sessions, JWT) are left alone. One statement, in a transaction
    of its own where there is none. Raises ``NotFound`` for what cannot be the key of a user, and
    ``DatabaseUnavailable``.
    """
    return logout.end_all(key=_key(user), keep=keep)


def merge(*, source: Any, target: Any, actor: Any) -> Merge:
    """Merge the user ``source`` into the user ``target``, who stays; docs/merging.md says how.

    ``actor`` is who wants it, for the record: a user, a key, or the name of a script. The answer's
    ``pk`` is what ``manage.py wxauth_merge --undo`` takes.

    Raises ``MergeRefused`` with its ``reasons``, ``NotFound`` and ``DatabaseUnavailable``; then
    nothing has changed.
    """
    return merges.merge(source=_key(source), target=_key(target), actor=actor)


def _key(user: Any) -> Any:
    model = get_user_model()
    if isinstance(user, Model) and not isinstance(user, model):
        # Its key would be taken for a user's: that of a Login names somebody else.
        raise TypeError(f"A user or a user's key is expected, not a {type(user).__name__}.")
    try:
        key = model._meta.pk.to_python(getattr(user, "pk", user))
    except (TypeError, ValueError, ValidationError):
        key = None
    if key is None:
        raise NotFound("No such user.")
    return key
