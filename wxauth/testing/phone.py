"""What ``wx`` hands to a mini-program on a phone: encrypted data and signatures."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from typing import Any

from . import cipher
from .people import FakePerson
from .state import State

#: What everybody looks like since 2022 (protocol 7).
NO_NICKNAME = "微信用户"
GREY_AVATAR = (
    "https://thirdwx.qlogo.cn/mmopen/vi_32/POgEwh4mIHO4nibH0KlMECNjjGxQUq24ZEaGT4poC6icRiccVGKSy"
    "XwibcPq4BWmiaIGuG1icwxaQX6grC9VemZoJ8rg/132"
)


class Phone(State):
    """The part of ``FakeWeChat`` that stands in for the client."""

    def encrypt(
        self,
        data: Mapping[str, Any] | bytes,
        person: FakePerson | str | None = None,
        appid: str | None = None,
        *,
        session_key: str | None = None,
        iv: bytes | None = None,
        watermark: bool = True,
    ) -> dict[str, str]:
        """``{"encryptedData", "iv"}`` of an object, or of bytes just as they are.

        An object gets WeChat's watermark (``timestamp`` in seconds, ``appid``), unless it has one
        of its own or ``watermark`` is false. ``session_key`` defaults to the one valid now,
        ``iv`` (16 bytes) to a random one.
        """
        who, appid, _ = self._resolve(person, appid)
        if not isinstance(data, bytes):
            if watermark and "watermark" not in data:
                mark = {"timestamp": int(self.clock()), "appid": appid}
                data = {**data, "watermark": mark}
            data = compact(data).encode()
        key = self.session_key(who, appid) if session_key is None else session_key
        iv = os.urandom(cipher.BLOCK) if iv is None else iv
        return {
            "encryptedData": base64.b64encode(cipher.encrypt(data, key, iv)).decode(),
            "iv": base64.b64encode(iv).decode(),
        }

    def user_info(
        self,
        person: FakePerson | str | None = None,
        appid: str | None = None,
        *,
        real: bool = False,
    ) -> dict[str, str]:
        """``rawData``, ``signature``, ``encryptedData`` and ``iv``, as ``wx.getUserInfo`` gives
        them: anonymous as today, or ``real`` as an old base library still does."""
        who, appid, app = self._resolve(person, appid)
        public = {
            "nickName": (who.nickname if real else "") or NO_NICKNAME,
            "gender": 0,
            "language": "zh_CN" if real else "",
            "city": "",
            "province": "",
            "country": "",
            "avatarUrl": (who.avatar_url if real else "") or GREY_AVATAR,
        }
        raw = compact(public)
        key = self.session_key(who, appid)
        unionid = who.unionid(app.platform)
        ids = {"unionId": unionid} if unionid else {}
        return {
            "rawData": raw,
            "signature": cipher.sign(raw, key),
            **self.encrypt(
                {"openId": who.openid(appid), **public, **ids}, who, appid, session_key=key
            ),
        }

    def phone_data(
        self, person: FakePerson | str | None = None, appid: str | None = None
    ) -> dict[str, str]:
        """``encryptedData`` and ``iv`` of the phone button (the old way, protocol 4.3)."""
        who, appid, _ = self._resolve(person, appid)
        if not who.phone:
            raise ValueError(f"{who.name} has no phone number.")
        return self.encrypt(self.number(who), who, appid)

    def number(self, person: FakePerson) -> dict[str, str]:
        """A number as WeChat tells it: abroad, ``phoneNumber`` has the country code in front."""
        abroad = "" if person.country_code == "86" else person.country_code
        return {
            "phoneNumber": abroad + person.phone,
            "purePhoneNumber": person.phone,
            "countryCode": person.country_code,
        }

    def werun_data(
        self, person: FakePerson | str | None = None, appid: str | None = None, *, step: int = 100
    ) -> dict[str, str]:
        """``encryptedData`` and ``iv`` of ``wx.getWeRunData``: the steps of 31 days."""
        now = int(self.clock())
        days = [{"timestamp": now - 86400 * ago, "step": step} for ago in reversed(range(31))]
        return self.encrypt({"stepInfoList": days}, person, appid)


def compact(data: Mapping[str, Any]) -> str:
    """JSON as WeChat writes it: no blanks, Chinese as Chinese."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
