"""WeChat pushes a message: told to be WeChat's, taken once, acted upon, and answered."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import partial

from django.utils import timezone

from wxauth.conf import conf
from wxauth.crypto import push
from wxauth.exceptions import Undecryptable, UnknownApp
from wxauth.services import transactions
from wxauth.services.data import replay
from wxauth.services.journal import outcomes
from wxauth.types import App, Push, Secret
from wxauth.wiring import get_lookup_key

from . import followers, messages, personal_data
from .messages import Message

logger = logging.getLogger("wxauth.push")

#: Seconds by which WeChat's clock and ours may differ.
CLOCK = 600
#: Seconds for which a message is not taken a second time: WeChat's tries end within a minute.
REMEMBERED = 24 * 3600
TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
#: What the console sends to see whether this is the right server; it is sent back.
ECHO = re.compile(r"[!-~]{1,256}", re.ASCII)
#: In the place of an app that is not there: its messages are refused after the same work.
NOBODY = Push(Secret(""), (Secret("A" * 43),))


class Outcome(str, Enum):
    TAKEN = "push"
    #: About a person whom nobody here knows.
    UNKNOWN = "push_unknown"
    REPEATED = "push_repeated"


@dataclass(frozen=True)
class Envelope:
    """What is around a message: the query that it came with."""

    timestamp: str
    nonce: str
    signature: str
    msg_signature: str

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Envelope:
        return cls(**{name: query.get(name, "") for name in cls.__dataclass_fields__})

    def is_signed(self, token: Secret) -> bool:
        """By somebody with the token; it says nothing about the message."""
        return push.is_signed(self.signature, token, self.timestamp, self.nonce)

    def seals(self, encrypted: str, token: Secret) -> bool:
        return push.is_signed(self.msg_signature, token, self.timestamp, self.nonce, encrypted)

    def is_timely(self, now: datetime) -> bool:
        if not TIMESTAMP.fullmatch(self.timestamp):
            return False
        return abs(now.timestamp() - int(self.timestamp)) <= CLOCK


def answer_check(*, appid: str, query: Mapping[str, str]) -> str:
    """What the console wants to hear when the address is saved. Raises ``Undecryptable``."""
    app, agreed = _find(appid)
    envelope, echo = Envelope.read(query), query.get("echostr", "")
    signed, timely = envelope.is_signed(agreed.token), envelope.is_timely(timezone.now())
    if app is None or not signed or not timely or not ECHO.fullmatch(echo):
        outcomes.push_refused(app.appid if app else "", "clock" if signed and not timely else "")
        raise Undecryptable
    return echo


def receive(*, appid: str, query: Mapping[str, str], body: bytes) -> None:
    """Take a message of WeChat's, once: whoever sends it again is answered the same.

    It is done and written down in one transaction. Raises ``Undecryptable`` for what is not
    WeChat's, or not in time, or not encrypted; and ``DatabaseUnavailable``,
    ``StorageUnavailable``, and what the adapter raises: then nothing has changed, and WeChat sends
    it again.
    """
    app, sent = _open(appid, query, body)
    digest = get_lookup_key().digest("push", json.dumps([app.appid, sent.hex()]))
    try:
        message = messages.read(sent)
    except ValueError:
        logger.error("The push %s cannot be read.", digest)
        outcomes.push_refused(app.appid, "unreadable")
        raise Undecryptable from None
    try:
        unionid = followers.find_unionid(app, message, digest)
        outcome = transactions.run(partial(_take, app, message, digest, unionid))
    except Exception as error:
        # By its digest the three tries of one message are known; what it says is nobody's business.
        logger.error("The push %s was not taken: %s.", digest, type(error).__name__)
        raise
    if outcome is Outcome.REPEATED:
        outcomes.push_repeated(app.appid)
    else:
        outcomes.push_taken(app.appid, outcome.value, message)


def _find(appid: str) -> tuple[App | None, Push]:
    try:
        app = conf.get_app(appid)
    except UnknownApp:
        return None, NOBODY
    return (app, app.push) if app.push else (None, NOBODY)


def _open(appid: str, query: Mapping[str, str], body: bytes) -> tuple[App, bytes]:
    """The app, and what was encrypted. Everything is looked at, whatever is wrong already."""
    app, agreed = _find(appid)
    envelope = Envelope.read(query)
    encrypted = _read_encrypted(body)
    sealed = envelope.seals(encrypted, agreed.token)
    signed = envelope.is_signed(agreed.token)
    timely = envelope.is_timely(timezone.now())
    message = push.decrypt(encrypted, agreed.aes_keys, appid)
    if app is None or not sealed or not timely or message is None:
        reason = ""
        if app is not None and sealed:
            reason = "key" if timely else "clock"
        elif app is not None and signed and not encrypted:
            reason = "plain"
        outcomes.push_refused(app.appid if app else "", reason)
        raise Undecryptable
    return app, message


def _read_encrypted(body: bytes) -> str:
    """The ciphertext; the rest is not covered by any signature, whatever the mode."""
    try:
        return messages.get_text(messages.read(body), "Encrypt")
    except ValueError:
        return ""


def _take(app: App, message: Message, digest: str, unionid: str | None) -> Outcome:
    if replay.is_spent(digest):
        return Outcome.REPEATED
    now = timezone.now()
    replay.spend(digest, now=now, seconds=REMEMBERED)
    event = messages.get_event(message)
    if event in personal_data.ACTIONS and not personal_data.act(app, event, message):
        return Outcome.UNKNOWN
    if unionid is not None:
        followers.add(app, message, unionid, now)
    return Outcome.TAKEN
