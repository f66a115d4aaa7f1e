"""Where a client has its access_token from: ``AccessTokens``, or the project itself."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent import futures
from typing import Protocol

from wxauth.exceptions import WeChatUnavailable
from wxauth.types import Secret

from .gate import Gate

logger = logging.getLogger("wxauth.wechat")


class AccessTokenSource(Protocol):
    """Where the access_token of this client's app comes from."""

    def get(self, appid: str, *, seconds: float) -> Secret:
        """The access_token, within so many seconds. Raises ``WxauthError``."""

    def refused(self, appid: str, token: Secret, *, seconds: float) -> Secret:
        """Another one, for WeChat refused this one; or the same once more, if there is none."""


class OwnAccessTokens:
    """The access_token of a project that has a token server of its own (中控).

    It may hang: it is asked in a thread that can be left behind, and ``gate`` bounds how many are.
    """

    def __init__(self, ask: Callable[[str], str], gate: Gate) -> None:
        self._ask = ask
        self._gate = gate

    def get(self, appid: str, *, seconds: float) -> Secret:
        """What the project's function gives. Raises ``WeChatUnavailable``."""
        answer: futures.Future[Secret | None] = futures.Future()
        place = contextlib.ExitStack()
        place.enter_context(self._gate.place())

        def ask() -> None:
            # The place is held for as long as the function runs, whoever still waits for it.
            with place:
                answer.set_result(self._read(appid))

        threading.Thread(target=ask, daemon=True).start()
        try:
            token = answer.result(seconds)
        except futures.TimeoutError:
            token = None
        if token is None:
            raise WeChatUnavailable("The project's own source gave no access_token.")
        return token

    def refused(self, appid: str, token: Secret, *, seconds: float) -> Secret:
        """What it gives now: another one, or the same."""
        return self.get(appid, seconds=seconds)

    def _read(self, appid: str) -> Secret | None:
        try:
            token: object = self._ask(appid)
        except Exception as error:  # noqa: BLE001 - not our code: it may raise anything
            # Its message is not ours to print: it may hold the token.
            logger.error("The ACCESS_TOKEN of app %s raised %s.", appid, type(error).__name__)
            return None
        if not isinstance(token, str) or not token:
            logger.error("The ACCESS_TOKEN of app %s gave no text.", appid)
            return None
        return Secret(token)
