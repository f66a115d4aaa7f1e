"""What WeChat pushes to a server (消息推送, channels 5): made, sealed, sent up to three times."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import secrets
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from Crypto.Cipher import AES

from .people import FakePerson
from .phone import Phone, compact

#: Tries of one message, in all, until it is answered as WeChat wants.
TRIES = 3
#: Of the padding: not AES's own 16.
BLOCK = 32
#: Token and EncodingAESKey of any app, under ``any_app``. Nothing is secret about them.
ANY_PUSH = ("sandbox", "sandbox" * 6 + "s")
#: The push account of the platform, which personal-data events come from, and ours.
PLATFORM, OURS = "oWeChatPlatformPushAccount00", "gh_000000000000"
#: Events that a person's own action sends: they come from that person.
OF_A_PERSON = ("subscribe", "unsubscribe", "SCAN")


@dataclass(frozen=True)
class Push:
    """One request of WeChat's: what stands behind the question mark, and the body."""

    query: dict[str, str]
    body: bytes = field(default=b"", repr=False)
    content_type: str = "application/json"


class Pushing(Phone):
    """The part of ``FakeWeChat`` that pushes."""

    #: Where the project is, ``{appid}`` in the place of the appid; empty: nobody knows.
    push_url = ""

    def __init__(
        self, *, any_app: bool, default_appid: str | None, clock: Callable[[], float]
    ) -> None:
        super().__init__(any_app=any_app, default_appid=default_appid, clock=clock)
        self._push_keys: dict[str, tuple[str, str]] = {}

    def set_push_keys(self, appid: str, token: str, aes_key: str) -> None:
        """What stands in the app's console under 消息推送: Token and EncodingAESKey."""
        self._push_keys[appid] = (token, aes_key)

    def push(
        self,
        event: str,
        person: FakePerson | str | None = None,
        appid: str | None = None,
        *,
        mode: str = "secure",
        form: str = "json",
        aes_key: str | None = None,
        **fields: Any,
    ) -> Push:
        """An event about a person, as it is sent.

        ``mode``: ``plain``, ``compatible`` or ``secure``; ``form``: ``json`` or ``xml``;
        ``aes_key``: another EncodingAESKey than the console's. ``fields`` add to the message, or
        replace: ``RevokeInfo="6"``; None leaves one out. ``clock`` says when it is.
        """
        message = self.push_message(event, person, appid, **fields)
        return self.seal(message, appid, mode=mode, form=form, aes_key=aes_key)

    def push_message(
        self,
        event: str,
        person: FakePerson | str | None = None,
        appid: str | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """What an event about a person says."""
        who, appid, _ = self._resolve(person, appid)
        openid = who.openid(appid)
        about: dict[str, Any] = {"OpenID": openid, "AppID": appid}
        if event in OF_A_PERSON:
            about = {"FromUserName": openid}
        message = {
            "ToUserName": OURS,
            "FromUserName": PLATFORM,
            "CreateTime": int(self.clock()),
            "MsgType": "event",
            "Event": event,
            **about,
            **fields,
        }
        return {name: value for name, value in message.items() if value is not None}

    def seal(
        self,
        message: Mapping[str, Any] | bytes,
        appid: str | None = None,
        *,
        mode: str = "secure",
        form: str = "json",
        aes_key: str | None = None,
        nonce: str | None = None,
        random: bytes | None = None,
    ) -> Push:
        """Any message, or bytes just as they are, as they are sent to this app."""
        appid, token, key = self._agreed(appid)
        write = to_xml if form == "xml" else compact
        text = message if isinstance(message, bytes) else write(message).encode()
        query = self._sign(token, nonce)
        content_type = "text/xml" if form == "xml" else "application/json"
        if mode == "plain":
            return Push(query, text, content_type)
        encrypted = encrypt(text, appid, aes_key or key, random)
        query |= {"encrypt_type": "aes", "msg_signature": signature(token, query, encrypted)}
        # In compatible mode everything stands there twice.
        plain = dict(message) if mode == "compatible" and isinstance(message, Mapping) else {}
        around = {"ToUserName": OURS, **plain, "Encrypt": encrypted}
        return Push(query, write(around).encode(), content_type)

    def push_check(self, appid: str | None = None, *, echo: str | None = None) -> Push:
        """What the console asks (a GET) when the address is saved."""
        _appid, token, _key = self._agreed(appid)
        return Push({**self._sign(token), "echostr": echo or str(secrets.randbits(62))})

    def deliver(self, push: Push, appid: str | None = None) -> list[tuple[int, bytes]]:
        """Send it to ``push_url``, as often as WeChat would. The answers: status and body."""
        appid, _ = self._app(appid)
        if not self.push_url:
            raise ValueError("Nobody has said where the project is.")
        url = urlsplit(self.push_url.format(appid=appid))
        return deliver(lambda: _post(url.hostname or "", url.port or 80, url.path, push))

    def _agreed(self, appid: str | None) -> tuple[str, str, str]:
        appid, _ = self._app(appid)
        agreed = self._push_keys.get(appid, ANY_PUSH if self.any_app else None)
        if agreed is None:
            raise ValueError(f"The app {appid} has no Token and no EncodingAESKey: set_push_keys.")
        return appid, *agreed

    def _sign(self, token: str, nonce: str | None = None) -> dict[str, str]:
        query = {
            "timestamp": str(int(self.clock())),
            "nonce": secrets.token_hex(5) if nonce is None else nonce,
        }
        return {"signature": signature(token, query), **query}


def deliver(send: Callable[[], tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Send until the answer is one that WeChat takes for one. It waits five seconds in between."""
    answers: list[tuple[int, bytes]] = []
    while len(answers) < TRIES:
        answers.append(send())
        if answers[-1] in ((200, b"success"), (200, b"")):
            break
    return answers


def encrypt(message: bytes, appid: str, aes_key: str, random: bytes | None = None) -> str:
    """``Encrypt``, as WeChat makes it, and as it wants a reply."""
    key = base64.b64decode(aes_key + "=")
    text = (random or os.urandom(16)) + struct.pack(">I", len(message)) + message + appid.encode()
    count = BLOCK - len(text) % BLOCK
    cipher = AES.new(key, AES.MODE_CBC, iv=key[:16])
    return base64.b64encode(cipher.encrypt(text + bytes([count]) * count)).decode()


def to_xml(message: Mapping[str, Any]) -> str:
    """XML as WeChat writes it: texts as CDATA, numbers without."""
    return f"<xml>{_members(message)}</xml>"


def _members(message: Mapping[str, Any]) -> str:
    return "".join(f"<{name}>{_member(value)}</{name}>" for name, value in message.items())


def _member(value: Any) -> str:
    if isinstance(value, Mapping):
        return _members(value)
    if isinstance(value, int):
        return str(value)
    text = str(value).replace("]]>", "]]]]><![CDATA[>")
    return f"<![CDATA[{text}]]>"


def signature(token: str, query: Mapping[str, str], *more: str) -> str:
    """Over the query, and the ciphertext where there is one."""
    parts = sorted([token, query["timestamp"], query["nonce"], *more])
    # SHA-1 is WeChat's choice, not ours.
    return hashlib.sha1("".join(parts).encode(), usedforsecurity=False).hexdigest()


def _post(host: str, port: int, path: str, push: Push) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        headers = {"Content-Type": push.content_type}
        connection.request("POST", f"{path}?{urlencode(push.query)}", push.body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        return 0, type(error).__name__.encode()
    finally:
        connection.close()
