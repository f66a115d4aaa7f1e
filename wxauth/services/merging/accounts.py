"""What a merge, and its undoing, does with each column of the two persons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.utils import timezone

from wxauth.models import Login, Person
from wxauth.services.profile import phone


class Policy(Enum):
    #: Each of the two keeps their own.
    KEEP = "keep"
    #: The survivor takes it over where they have none, and the source has it no more. It goes
    #: back, unless the survivor has set something else since.
    TAKE_OVER = "take over"
    #: The same for the phone number, by ``profile.phone``: it is sealed for its row.
    HAND_OVER = "hand over"
    #: A block counts for the survivor too, and ends their logins: nobody is let in again by being
    #: merged. It is lifted again, unless the survivor has been blocked anew since.
    OUTLIVE = "outlive"
    #: Names the survivor, as long as the merge stands. Written by ``merges``.
    POINT = "point"


@dataclass(frozen=True)
class With:
    """Goes where any of these columns goes, because it says something about them."""

    columns: tuple[str, ...]


POLICIES: Mapping[str, Policy | With] = {
    "user": Policy.KEEP,
    "nickname": Policy.TAKE_OVER,
    "nickname_appid": With(("nickname",)),
    # A picture has one owner: whoever replaces it deletes the file.
    "avatar": Policy.TAKE_OVER,
    "avatar_url": Policy.TAKE_OVER,
    "avatar_appid": With(("avatar", "avatar_url")),
    **dict.fromkeys(phone.NONE, Policy.HAND_OVER),
    "blocked_at": Policy.OUTLIVE,
    "blocked_by": With(("blocked_at",)),
    "blocked_reason": With(("blocked_at",)),
    "merged_into": Policy.POINT,
    # Whoever has asked for deletion is merged with nobody.
    "deletion_asked_at": Policy.KEEP,
    "deletion_due_at": Policy.KEEP,
    "deletion_refusal": Policy.KEEP,
    "created_at": Policy.KEEP,
    "last_seen_on": Policy.KEEP,
}


def take_over(*, giver: Person, taker: Person) -> dict[str, Any]:
    """Let the survivor have what the policies say. Answers what to remember for ``give_back``."""
    return {
        "profile": _take_profile(giver, taker),
        "phone": _take_phone(giver, taker),
        "block": _take_block(giver, taker),
    }


def give_back(accounts: Mapping[str, Any], *, back: Person, other: Person) -> None:
    """Profile, number and block go back, unless the survivor has set something else since."""
    profile = accounts["profile"]
    if all(str(getattr(other, name)) == value for name, value in profile.items()):
        _write(other, _empty(profile))
        _write(back, profile)
    if accounts["phone"] and accounts["phone"] == other.phone_hash and not back.phone_hash:
        phone.hand_over(giver=other, taker=back)
    block = _governed_by(Policy.OUTLIVE)
    if accounts["block"] and all(getattr(other, name) == getattr(back, name) for name in block):
        _write(other, _empty(_with_companions(block)))


def _take_profile(giver: Person, taker: Person) -> dict[str, str]:
    missing = _missing(Policy.TAKE_OVER, giver, taker)
    taken = {name: str(getattr(giver, name)) for name in _with_companions(missing)}
    if taken:
        _write(giver, _empty(taken))
        _write(taker, taken)
    return taken


def _take_phone(giver: Person, taker: Person) -> str | None:
    if taker.sealed_phone is not None:
        return None
    return phone.hand_over(giver=giver, taker=taker)


def _take_block(giver: Person, taker: Person) -> bool:
    missing = _missing(Policy.OUTLIVE, giver, taker)
    if not missing:
        return False
    _write(taker, {name: getattr(giver, name) for name in _with_companions(missing)})
    Login.objects.filter(person=taker).revoke(timezone.now())
    return True


# -- columns ---------------------------------------------------------------------------------------


def _governed_by(policy: Policy) -> list[str]:
    return [name for name, each in POLICIES.items() if each is policy]


def _missing(policy: Policy, giver: Person, taker: Person) -> list[str]:
    """What the source has and the survivor has not."""
    return [
        name for name in _governed_by(policy) if getattr(giver, name) and not getattr(taker, name)
    ]


def _with_companions(names: Iterable[str]) -> list[str]:
    names = list(names)
    return names + [
        name
        for name, policy in POLICIES.items()
        if isinstance(policy, With) and not set(policy.columns).isdisjoint(names)
    ]


def _empty(names: Iterable[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: Person._meta.get_field(name) for name in names}
    return {name: field.get_default() for name, field in fields.items()}


def _write(person: Person, values: Mapping[str, Any]) -> None:
    Person.objects.filter(pk=person.pk).update(**values)
