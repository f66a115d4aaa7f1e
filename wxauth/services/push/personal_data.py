"""WeChat says that a person takes something back (授权用户信息变更), and it goes. (channels 5.4)

The same message twice, late, or in any order with others comes to the same end: what it names is
not there afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from wxauth.exceptions import NotFound
from wxauth.managers import locked
from wxauth.models import Event, Identity, OpenId, Person
from wxauth.services import transactions
from wxauth.services.erasure import blocks, deletion
from wxauth.services.journal import events
from wxauth.services.login import admission, linking
from wxauth.services.profile import forgetting
from wxauth.types import ID, App, Session

from .messages import Message, get_text

EVERYTHING = tuple(forgetting.FACTS)
#: RevokeInfo → what of it is stored here. 1 to 20: mini-programs, 201 to 207: official accounts,
#: 301: mobile apps and websites. (protocol 8.3)
CODES: Mapping[str, Collection[str]] = {
    **dict.fromkeys(("1", "2", "3", "4", "5", "7", "12", "13", "14", "15", "16", "18"), ()),
    **dict.fromkeys(("201", "202", "203", "204", "206", "207"), ()),
    "6": ("nickname", "avatar"),
    "8": ("phone",),
    "19": ("nickname",),
    "20": ("avatar",),
    "205": ("nickname", "avatar"),
    "301": EVERYTHING,
}
#: One event may name several, however they are parted; and no event of WeChat's names so many.
CODE, MOST_CODES = re.compile(r"[0-9]{1,6}", re.ASCII), 40

#: What is written down as who did it.
ACTOR = "push"


def act(app: App, event: str, message: Message) -> bool:
    """Do what this event asks for, as part of a transaction. Answers whether it is about anybody.

    Raises ``StorageUnavailable``, and what the adapter raises.
    """
    identity = _find(app, message)
    if identity is None:
        return False
    ACTIONS[event](app, message, identity)
    return True


def get_codes(message: Message) -> list[str]:
    """What RevokeInfo names, each once."""
    return list(dict.fromkeys(CODE.findall(get_text(message, "RevokeInfo"))))[:MOST_CODES]


def _find(app: App, message: Message) -> Identity | None:
    """Whom this is about: by openid in this app, else by unionid on its platform."""
    if get_text(message, "AppID") not in {app.appid, ""}:
        return None
    openid, unionid = get_text(message, "OpenID"), get_text(message, "UnionID")
    known = OpenId.objects.find(app.appid, openid) if ID.fullmatch(openid) else None
    if known is not None:
        return known.identity
    session = Session(openid, unionid=unionid if ID.fullmatch(unionid) else None)
    return admission.find_identity(app=app, session=session)


def _revoke(app: App, message: Message, identity: Identity) -> None:
    """An authorisation was withdrawn: what it names goes. The account and its logins stay."""
    codes = get_codes(message)
    named = {fact for code in codes for fact in CODES.get(code, ())}
    removed = _forget(_family(identity.person_id), facts=named, appids={app.appid})
    unknown = [code for code in codes if code not in CODES]
    _record(
        Event.Kind.AUTHORIZATION_REVOKED,
        app,
        identity,
        {"codes": codes, "removed": removed, **({"unknown": unknown} if unknown else {})},
    )


def _clean(app: App, message: Message, identity: Identity) -> None:
    """WeChat found nickname or picture to be risky, and does not show them any more."""
    removed = _forget(_family(identity.person_id), facts=("nickname", "avatar"), appids={app.appid})
    _record(Event.Kind.PROFILE_CLEANED, app, identity, {"removed": removed})


def _close(app: App, message: Message, identity: Identity) -> None:
    """The person has closed their WeChat account: all that came through it goes.

    So does the user, at once, where there is no other way to log in. What stands in the way of
    that (a member of staff, an open order) is for the staff, as it is at a deletion that is due.
    """
    user = _lock_user(identity.person_id)
    family = _family(user.pk)
    if not linking.has_another(user, besides=identity.pk) and deletion.conclude(
        user.pk, actor=ACTOR, appid=app.appid
    ):
        return
    openids = list(identity.openids.all())
    if not user.is_active or any(person.blocked_at is not None for person in family):
        blocks.remember(identities=[identity], openids=openids)
    appids = {openid.appid for openid in openids}
    removed = _forget(family, facts=EVERYTHING, appids=appids)
    linking.remove(identity)
    _record(Event.Kind.WECHAT_ACCOUNT_CLOSED, app, identity, {"removed": removed})


ACTIONS: Mapping[str, Callable[[App, Message, Identity], None]] = {
    "user_authorization_revoke": _revoke,
    "user_info_modified": _clean,
    "user_authorization_cancellation": _close,
}


def _lock_user(key: Any) -> Any:
    """Whoever links or unlinks an identity of this user meanwhile takes turns."""
    try:
        return linking.lock_user(key)
    except NotFound as error:
        raise transactions.Overtaken from error


def _family(key: Any) -> list[Person]:
    """The person with this key and whoever was merged into it, locked.

    Raises ``Overtaken`` where the person was merged into somebody since it was found.
    """
    family: list[Person] = []
    found = list(locked(Person.objects.filter(pk=key) | Person.objects.filter(merged_into=key)))
    if [person.merged_into_id for person in found if person.pk == key] != [None]:
        raise transactions.Overtaken
    while found:
        family += found
        keys = [person.pk for person in found if person.pk != key]
        found = list(locked(Person.objects.filter(merged_into__in=keys))) if keys else []
    return family


def _forget(
    family: Collection[Person], *, facts: Collection[str], appids: Collection[str]
) -> list[str]:
    if len(family) > 1:
        forgetting.forget_in_merges(family, facts=facts, appids=appids)
    return forgetting.forget(family, facts=facts, appids=appids)


def _record(kind: Event.Kind, app: App, identity: Identity, detail: Mapping[str, Any]) -> None:
    events.record(kind=kind, user=identity.person_id, appid=app.appid, actor=ACTOR, detail=detail)
