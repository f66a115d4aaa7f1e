"""How WeChat people become users of this project: the worked example of an adapter.

``WXAUTH["ADAPTER"]`` names the class below. It overrides one hook; the others, and what they may
do, are described in ``wxauth.adapter``.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model

from wxauth import adapter


class Adapter(adapter.Adapter):
    def build_user(
        self,
        *,
        app: adapter.App,
        openid: str,
        unionid: str | None,
        phone: adapter.Secret | None,
        extra: Mapping[str, Any],
    ) -> adapter.AbstractBaseUser:
        """A user with a random name: the openid is nobody's business in the list of users.

        No password: this person logs in by WeChat. (The inviter, a channel, or whatever else the
        mini-program sent in ``extra`` would be noted here. It is the phone's claim: no rights
        may follow from it.)
        """
        user = get_user_model()(username=f"wx_{secrets.token_hex(6)}")
        user.set_unusable_password()
        return user
