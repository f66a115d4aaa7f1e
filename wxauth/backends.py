"""What Django asks about a session that came through WeChat."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend

from .conf import conf
from .models import Person


class WeChatBackend(BaseBackend):
    """Logs nobody in by itself: ``wxauth.web`` does. Keep ``ModelBackend`` beside it, which knows
    passwords and permissions."""

    def get_user(self, user_id: Any) -> Any:
        """The user of a session, unless they are shut out. One statement."""
        person = Person.objects.select_related("user").filter(pk=user_id).first()
        if person is None or person.is_shut_out or conf.refuses_staff(person.user):
            return None
        return person.user
