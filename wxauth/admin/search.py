"""Search among millions: whole ids only, each by its own index."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Model, Q


def find_keys(
    model: type[Model],
    term: str,
    *,
    openid: str | None = None,
    unionid: str | None = None,
    person: str | None = None,
) -> list[Any]:
    """The keys of the rows with this openid or unionid, or of the user with this name or key.

    ``openid``, ``unionid`` and ``person`` are the paths from ``model`` to the row that holds each;
    None leaves it out.

    One statement, a UNION, asked before the list is: in one WHERE an OR over several tables makes
    every database read all of them.
    """
    conditions = []
    if openid is not None:
        conditions.append(Q(**{f"{openid}openid": term}))
    if unionid is not None:
        conditions.append(Q(**{f"{unionid}unionid": term}))
    if person is not None:
        user = get_user_model()
        conditions.append(Q(**{f"{person}user__{user.USERNAME_FIELD}": term}))
        # Not a key: letters, where keys are numbers.
        with suppress(ValidationError):
            conditions.append(Q(**{f"{person}user__pk": user._meta.pk.to_python(term)}))
    first, *others = (
        model._default_manager.filter(condition).values_list("pk", flat=True)
        for condition in conditions
    )
    return list(first.union(*others))
