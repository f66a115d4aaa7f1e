"""What WeChat can be asked: one method per endpoint, a frozen dataclass out.

Every endpoint goes through ``_call``: a place in the bulkhead, the access_token where one is
needed, the circuit of the endpoint's group, a deadline over all of it, and the few repetitions that
are allowed. What WeChat answers is judged in ``answers``.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Generic, TypeVar

from wxauth.exceptions import (
    Misconfigured,
    SessionKeyMissing,
    WeChatBadResponse,
    WeChatError,
    WeChatLimit,
    WeChatTimeout,
    WeChatUnavailable,
    WxauthError,
)
from wxauth.logging import asking_wechat
from wxauth.types import App, PhoneInfo, Secret, Session, UserInfo

from . import answers
from .endpoints import (
    CHECK_SESSION,
    CODE2SESSION,
    FOLLOWER,
    OAUTH2,
    PHONE,
    RESET_SESSION,
    STABLE_ACCESS_TOKEN,
    USER_INFO,
    Endpoint,
)
from .errcodes import STALE_ACCESS_TOKEN, meaning
from .guard import Guard
from .source import AccessTokenSource
from .transport import Transport

logger = logging.getLogger("wxauth.wechat")

T = TypeVar("T")
Params = Mapping[str, "str | Secret"]
Body = Mapping[str, "str | Secret | bool"]

#: Seconds for all of a call: waiting for a place, the access_token, repetitions.
DEADLINE = 5.0
#: Of these, what is kept for the endpoint itself: a code is not sent in the last moment.
RESERVE = 2.0
#: Seconds for all of a call whose outcome a push waits for.
PUSH_DEADLINE = 3.0
#: Seconds between a call that WeChat was too busy for and its repetition.
PAUSE = 0.2


@dataclass(frozen=True)
class _Question(Generic[T]):
    endpoint: Endpoint
    #: What a success is made of; returned, not raised, where it is none.
    read: Callable[[answers.Answer], T | WxauthError]
    params: Params
    #: None: a GET.
    body: Body | None = None


class WeChatClient:
    """Speaks for one app. Safe to share between threads.

    ``access_tokens`` is needed by the endpoints that want an access_token; a login does not.
    """

    def __init__(
        self,
        app: App,
        transport: Transport,
        *,
        guard: Guard | None = None,
        access_tokens: AccessTokenSource | None = None,
    ) -> None:
        self._app = app
        self._transport = transport
        self._guard = guard or Guard()
        self._access_tokens = access_tokens

    def code2session(self, code: Secret) -> Session:
        """Exchange a login code for the openid and session_key of who obtained it.

        Raises ``CodeRefused``, ``Blocked`` or a ``WeChatError``. The code is single-use: it is
        sent once. (protocol 1.2, 1.3)
        """
        params: Params = {
            "appid": self._app.appid,
            "secret": self._app.secret,
            # Until WeChat has taken it, it lets its finder in.
            "js_code": code,
            "grant_type": "authorization_code",
        }
        return self._call(CODE2SESSION, answers.read_session, params)

    def oauth2_token(self, code: Secret) -> Session:
        """Exchange the code of a mobile app, a website or an official account for its openid.

        Such a session has no session_key. Raises ``CodeRefused``, ``SnapshotUser`` or a
        ``WeChatError``. The code is single-use: it is sent once. (protocol 9.1)
        """
        params: Params = {
            "appid": self._app.appid,
            "secret": self._app.secret,
            "code": code,
            "grant_type": "authorization_code",
        }
        return self._call(OAUTH2, answers.read_oauth2, params)

    def user_info(self, session: Session, *, seconds: float) -> UserInfo:
        """What the person of ``oauth2_token``'s session agreed to show, within so many seconds.

        Raises ``InvalidCode`` where the session's access_token opens nothing (any more), or a
        ``WeChatError``. (protocol 9.1)
        """
        params: Params = {
            "access_token": session.access_token or Secret(""),
            "openid": session.openid,
            "lang": "zh_CN",
        }
        return self._call(
            USER_INFO,
            lambda answer: answers.read_user_info(answer, session.openid),
            params,
            seconds=seconds,
        )

    def get_phone_number(self, code: Secret, openid: str) -> PhoneInfo:
        """Exchange a phone code for the number, if it is this openid's code.

        Raises ``InvalidPhoneCode``, a ``WeChatError`` or ``DatabaseUnavailable``. Each code has
        cost a tap, and money: it is sent again, once, when the outcome is unknown. (protocol 4.1)
        """
        appid = self._app.appid
        body: Body = {"code": code, "openid": openid}
        return self._call(PHONE, lambda answer: answers.read_phone(answer, appid), {}, body)

    def check_session_key(self, openid: str, session_key: Secret) -> bool:
        """Whether this is the session_key that WeChat has for the openid now.

        Raises a ``WeChatError`` or ``DatabaseUnavailable``. (protocol 2.1)
        """
        try:
            return self._call(CHECK_SESSION, answers.read_ok, _signed(openid, session_key))
        except SessionKeyMissing:
            return False

    def reset_session_key(self, openid: str, session_key: Secret) -> Secret:
        """End the session_key at WeChat; the answer is the next one.

        Raises ``SessionKeyMissing`` where it was not (any longer) the valid one, a
        ``WeChatError`` or ``DatabaseUnavailable``. After ``WeChatTimeout`` and
        ``WeChatBadResponse`` the old key may be dead and the new one lost. (protocol 2.2)
        """
        return self._call(
            RESET_SESSION,
            lambda answer: answers.read_new_key(answer, openid),
            _signed(openid, session_key),
        )

    def get_follower_unionid(self, openid: str) -> str | None:
        """The unionid of somebody who follows this official account; None where there is none.

        Asked while WeChat itself waits, five seconds, for the answer to a push: it has three.
        Raises a ``WeChatError`` or ``DatabaseUnavailable``. (channels 4.2)
        """
        params: Params = {"openid": openid, "lang": "zh_CN"}
        return self._call(
            FOLLOWER,
            lambda answer: answers.read_follower(answer, openid),
            params,
            seconds=PUSH_DEADLINE,
        )

    def stable_access_token(self, *, force_refresh: bool = False) -> tuple[Secret, int]:
        """The access_token of the app, and how many seconds it has left.

        Without ``force_refresh`` WeChat gives the same one until 300 seconds before its end; with
        it, the former one dies at once (20 times a day, protocol 5). Raises a ``WeChatError``.
        What wants a token asks ``AccessTokens``, which shares one among all processes.
        """
        body: Body = {
            "grant_type": "client_credential",
            "appid": self._app.appid,
            "secret": self._app.secret,
            "force_refresh": force_refresh,
        }
        return self._call(STABLE_ACCESS_TOKEN, answers.read_access_token, {}, body)

    # -- the one way to WeChat -----------------------------------------------------------------

    def _call(
        self,
        endpoint: Endpoint,
        read: Callable[[answers.Answer], T | WxauthError],
        params: Params,
        body: Body | None = None,
        *,
        seconds: float | None = None,
    ) -> T:
        question = _Question(endpoint, read, params, body)
        ends = time.monotonic() + (DEADLINE if seconds is None else seconds)
        with asking_wechat(), self._guard.gate.place() if endpoint.placed else nullcontext():
            outcome = self._ask(question, ends)
        if isinstance(outcome, WxauthError):
            self._report(outcome)
            raise outcome
        return outcome

    def _ask(self, question: _Question[T], ends: float) -> T | WxauthError:
        """Once; once more with another access_token, and once more if nothing was learnt."""
        endpoint = question.endpoint
        repeats, renews = endpoint.repeats, endpoint.bearer
        token = self._get_token(None, ends) if endpoint.bearer else None
        while True:
            outcome = self._attempt(question, token, ends)
            seconds = ends - time.monotonic()
            if (
                renews
                and isinstance(outcome, Misconfigured)
                and outcome.errcode in STALE_ACCESS_TOKEN
            ):
                renews, former = False, token
                token = self._get_token(former, ends)
                if token.matches(former):
                    # Not its age, then: WeChat would go on refusing it, and we asking.
                    return outcome
            elif repeats and _is_transient(outcome) and seconds > PAUSE * 2:
                repeats = False
                if isinstance(outcome, WeChatUnavailable):
                    time.sleep(PAUSE)
            else:
                return outcome

    def _attempt(
        self, question: _Question[T], token: Secret | None, ends: float
    ) -> T | WxauthError:
        """Ask once. Returns what WeChat, or the way to it, came to; raises if nobody was asked."""
        endpoint, body = question.endpoint, question.body
        params = question.params if token is None else {"access_token": token, **question.params}
        circuit = self._guard.circuit(self._app.appid, endpoint.group)
        era = circuit.enter()
        # What it is called if this thread is ended in the middle.
        outcome: T | WxauthError = WeChatUnavailable("The call to WeChat was broken off.")
        try:
            seconds = max(ends - time.monotonic(), 0.001)
            if body is None:
                answer = self._transport.get(endpoint.path, params, seconds=seconds)
            else:
                answer = self._transport.post(endpoint.path, params, body, seconds=seconds)
            outcome = answers.judge(answer, question.read, endpoint.errors)
        except WeChatError as error:
            logger.warning("WeChat did not answer app %s: %s", self._app.appid, error)
            outcome = error
        finally:
            circuit.leave(era, outcome)
        return outcome

    def _get_token(self, refused: Secret | None, ends: float) -> Secret:
        if self._access_tokens is None:
            raise TypeError("This client was made without a source of access_tokens.")
        seconds = max(ends - RESERVE - time.monotonic(), 0.0)
        if refused is None:
            return self._access_tokens.get(self._app.appid, seconds=seconds)
        return self._access_tokens.refused(self._app.appid, refused, seconds=seconds)

    def _report(self, error: WxauthError) -> None:
        """Log what is the operator's business. Never the errmsg: it may hold anything."""
        if isinstance(error, Misconfigured):
            logger.error(
                "WeChat refuses app %s: errcode %s, rid %s. %s%s",
                self._app.appid,
                error.errcode,
                error.rid or "-",
                meaning(error.errcode),
                f" WeChat saw {error.address}." if error.address else "",
            )
        elif isinstance(error, WeChatLimit):
            logger.warning(
                "WeChat limits app %s: errcode %s. %s",
                self._app.appid,
                error.errcode,
                meaning(error.errcode),
            )


def _signed(openid: str, session_key: Secret) -> dict[str, str | Secret]:
    """The parameters that prove that we know the session_key (用户登录态签名, protocol 2.1).

    The key of the HMAC is the session_key's text, not the bytes that it stands for; the message
    of a GET is empty.
    """
    signature = hmac.new(session_key.reveal().encode(), b"", hashlib.sha256).hexdigest()
    return {"openid": openid, "signature": Secret(signature), "sig_method": "hmac_sha256"}


def _is_transient(outcome: object) -> bool:
    return isinstance(outcome, (WeChatUnavailable, WeChatTimeout, WeChatBadResponse))
