"""What the admin's own log keeps of people who are gone.

An entry holds the row's text of that day: of a person the nickname, of an openid the openid. What
was done stays on record, to whom by key; the text goes with the row.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models.signals import post_delete
from django.dispatch import receiver

from wxauth.models import Identity, OpenId, Person


@receiver(post_delete, sender=Person)
@receiver(post_delete, sender=Identity)
@receiver(post_delete, sender=OpenId)
def forget_text(*, instance: Person | Identity | OpenId, **kwargs: Any) -> None:
    LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(type(instance)), object_id=str(instance.pk)
    ).update(object_repr=f"#{instance.pk}")
