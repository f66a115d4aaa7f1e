"""The people whom the fake WeChat knows."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field


class Unknown(LookupError):
    """The fake knows no such app or person. The message says which."""


def derive(*parts: str) -> str:
    """An openid or unionid: 28 characters that start with ``o``, the same for the same parts."""
    digest = hashlib.sha256("\n".join(parts).encode()).digest()
    return "o" + base64.urlsafe_b64encode(digest).decode()[:27]


@dataclass
class FakePerson:
    """One person with a WeChat account. Made by ``FakeWeChat.add_person``; change it as you like.

    Ids that nobody chose are derived from the name: the same in every run and every process.
    """

    name: str
    #: What an old base library tells about the person; today's says 微信用户 for everybody.
    nickname: str = ""
    #: Likewise; empty stands for the grey default picture.
    avatar_url: str = ""
    #: The number without its country code; empty: the person has none.
    phone: str = field(default="", repr=False)
    country_code: str = "86"
    #: appid → chosen openid. To be set by ``add_person``, which keeps them apart.
    openids: dict[str, str] = field(default_factory=dict)
    #: Platform → chosen unionid; None: WeChat does not give one.
    unionids: dict[str, str | None] = field(default_factory=dict)
    #: The errcode with which WeChat refuses this person's logins: 40226 (high risk) or 50002
    #: (account frozen or cancelled).
    refusal: int | None = None

    #: Official accounts (by appid) that the person does not follow.
    unfollowed: set[str] = field(default_factory=set)

    def follows(self, appid: str) -> bool:
        return appid not in self.unfollowed

    def openid(self, appid: str) -> str:
        """Who the person is in one app."""
        return self.openids.get(appid) or derive("openid", appid, self.name)

    def unionid(self, platform: str | None) -> str | None:
        """Who the person is in all apps of one Open Platform account; None: no such account."""
        if platform is None:
            return None
        if platform in self.unionids:
            return self.unionids[platform]
        return derive("unionid", platform, self.name)


#: The name of the person who is meant where no other is named.
DEFAULT = "default"


def default_people() -> list[FakePerson]:
    return [
        FakePerson(DEFAULT, nickname="小微", phone="13800138000"),
        FakePerson("alice", nickname="小爱", phone="13800138001"),
        FakePerson("bob", nickname="大宝", phone="13800138002"),
        FakePerson("eve", nickname="小伊", phone="13800138003"),
    ]
