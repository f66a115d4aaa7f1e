"""Nickname, picture and phone number go, where WeChat says that they have to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db.models import Q

from wxauth.models import Merge, Person
from wxauth.services.journal.events import user_key

from . import phone, pictures

#: What a person has shown → what stands in its columns when there is nothing. The column that says
#: which app it came from is the last one.
FACTS: Mapping[str, Mapping[str, Any]] = {
    "nickname": {"nickname": "", "nickname_appid": ""},
    "avatar": {"avatar": "", "avatar_url": "", "avatar_appid": ""},
    "phone": phone.NONE,
}


def forget(
    people: Iterable[Person], *, facts: Collection[str], appids: Collection[str]
) -> list[str]:
    """Clear what these people have shown in one of these apps. Answers which of the facts went.

    ``people`` are locked; part of a transaction. What another app showed stays. Raises
    ``StorageUnavailable`` where a picture's file cannot be deleted.
    """
    gone: set[str] = set()
    files = []
    for person in people:
        going = [fact for fact in facts if getattr(person, f"{fact}_appid") in appids]
        if not going:
            continue
        changes = {name: nothing for fact in going for name, nothing in FACTS[fact].items()}
        if "avatar" in going and person.avatar.name:
            files.append(person.avatar.name)
        Person.objects.filter(pk=person.pk).update(**changes)
        gone.update(going)
    # While a failure still undoes the rest: a picture that nobody refers to is never found again.
    for name in files:
        pictures.delete(name)
    return sorted(gone)


def forget_in_merges(
    people: Collection[Person], *, facts: Collection[str], appids: Collection[str]
) -> None:
    """The same in what merges remember for their undoing."""
    keys = [user_key(person) for person in people]
    merges = Merge.objects.filter(Q(source__in=keys) | Q(target__in=keys))
    for merge in merges.select_for_update().order_by("pk"):
        profile = merge.accounts.get("profile", {})
        going = [fact for fact in facts if profile.get(f"{fact}_appid") in appids]
        kept = {
            name: value
            for name, value in profile.items()
            if not any(name in FACTS[fact] for fact in going)
        }
        if kept != profile:
            Merge.objects.filter(pk=merge.pk).update(accounts={**merge.accounts, "profile": kept})
