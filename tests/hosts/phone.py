"""Somebody's phone, over a real socket."""

from __future__ import annotations

import json
from typing import Any

import requests

from wxauth.testing import FakeWeChat

from .hosting import Host

APP_ONE, APP_TWO = "wx0000000000000001", "wx0000000000000002"


class Answer:
    """An answer with the manners of Django's own, so that one contract serves both."""

    def __init__(self, response: requests.Response) -> None:
        self.status_code, self.content = response.status_code, response.content
        self.headers, self.cookies = response.headers, response.cookies

    def __getitem__(self, name: str) -> str:
        return self.headers[name]

    def __contains__(self, name: str) -> bool:
        return name in self.headers

    def json(self) -> Any:
        return json.loads(self.content)


class Phone:
    """One person's phone. It remembers its token once it has logged in."""

    def __init__(self, host: Host, name: str) -> None:
        self.host, self.name, self.token = host, name, ""

    @property
    def fake(self) -> FakeWeChat:
        return self.host.server.fake

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        authorization: str = "",
    ) -> Answer:
        """One request to any path of the host. Bytes are sent as they are, all else as JSON."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        sent = {"Content-Type": "application/json"} if data is not None else {}
        if authorization:
            sent["Authorization"] = authorization
        return Answer(
            requests.request(
                method,
                self.host.url + path,
                data=data,
                headers={**sent, **(headers or {})},
                allow_redirects=False,
                timeout=30,
            )
        )

    def call(self, method: str, path: str, body: object = None, **kwargs: Any) -> Answer:
        """One request to wxauth, with the token if there is one."""
        authorization = f"Bearer {self.token}" if self.token else ""
        return self.send(
            method, "/api/wxauth/" + path, body, **{"authorization": authorization, **kwargs}
        )

    def get(self, path: str, **kwargs: Any) -> Answer:
        return self.call("GET", path, **kwargs)

    def post(self, path: str, body: object = None, **kwargs: Any) -> Answer:
        return self.call("POST", path, body, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Answer:
        return self.call("DELETE", path, **kwargs)

    def try_login(self, **fields: Any) -> Answer:
        code = self.fake.login_code(self.name, fields.get("appid"))
        return self.call("POST", "login/", {"code": code, **fields}, authorization="")

    def log_in(self, **fields: Any) -> dict[str, Any]:
        answer = self.try_login(**fields)
        assert answer.status_code == 200, answer.content
        body: dict[str, Any] = answer.json()
        self.token = body["token"]
        return body
