"""A mini-program on somebody's phone: what it sends to the server, and what it gets."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client

from wxauth.models import Login, Person
from wxauth.testing import FakeWeChat

ROOT = "/api/wxauth/"
APP_ONE, APP_TWO = "wx0000000000000001", "wx0000000000000002"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def log_in(
    client: Client, fake: FakeWeChat, person: str = "alice", /, **fields: Any
) -> HttpResponse:
    """POST login/ with a fresh code of this person, and whatever else is given."""
    code = fake.login_code(person, fields.get("appid"))
    return call(client, "POST", "login/", {"code": code, **fields})


def call(
    client: Client,
    method: str,
    path: str,
    body: object = None,
    *,
    token: str | None = None,
    content_type: str = "application/json",
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """One request below ``/api/wxauth/``. Bytes are sent as they are, all else as JSON."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return client.generic(
        method,
        ROOT + path,
        data,
        content_type,
        headers={**(bearer(token) if token else {}), **(headers or {})},
    )


class Phone:
    """One person's phone, logged in to one app. It remembers its token."""

    def __init__(self, fake: FakeWeChat, person: str, appid: str = APP_ONE) -> None:
        self.fake, self.person, self.appid = fake, person, appid
        self.client = Client()
        self.log_in()

    def log_in(self, **fields: Any) -> dict[str, Any]:
        answer = log_in(self.client, self.fake, self.person, appid=self.appid, **fields)
        assert answer.status_code == 200, answer.content
        body: dict[str, Any] = answer.json()
        self.token = body["token"]
        return body

    def call(self, method: str, path: str, body: object = None, **kwargs: Any) -> HttpResponse:
        return call(self.client, method, path, body, token=self.token, **kwargs)

    def get(self, path: str, **kwargs: Any) -> HttpResponse:
        return self.call("GET", path, **kwargs)

    def post(self, path: str, body: object = None, **kwargs: Any) -> HttpResponse:
        return self.call("POST", path, body, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> HttpResponse:
        return self.call("DELETE", path, **kwargs)

    def me(self) -> dict[str, Any]:
        answer = self.get("me/")
        assert answer.status_code == 200, answer.content
        body: dict[str, Any] = answer.json()
        return body

    @property
    def login(self) -> Login:
        """The row of the newest login of this person in this app."""
        openid = self.fake.person(self.person).openid(self.appid)
        return Login.objects.filter(via__openid=openid, via__appid=self.appid).latest("pk")

    @property
    def row(self) -> Person:
        return self.login.person

    def user_info(self, **profile: Any) -> dict[str, str]:
        """What ``wx.getUserInfo`` gives, signed and encrypted."""
        return self.fake.user_info(self.person, self.appid, **profile)

    def encrypt(self, data: Any, **kwargs: Any) -> dict[str, str]:
        return self.fake.encrypt(data, self.person, self.appid, **kwargs)
