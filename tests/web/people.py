"""A browser, and who sits at it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.test import Client

from wxauth.models import Login, Person
from wxauth.testing import FakeWeChat

SITE, ACCOUNT = "wx00000000000000a1", "wx00000000000000a2"
START = {SITE: f"/wechat/start/{SITE}/", ACCOUNT: f"/wechat/start/{ACCOUNT}/"}


class Browser:
    """One browser with its cookies."""

    def __init__(self, fake: FakeWeChat, **headers: str) -> None:
        self.fake, self.client = fake, Client(headers=headers)

    def get(self, path: str, **kwargs: Any) -> HttpResponse:
        return self.client.get(path, **kwargs)

    def log_in(self, person: str = "alice", appid: str = SITE, query: str = "") -> HttpResponse:
        return self.fake.consent(self.client, f"{START[appid]}?{query}", person)

    def who(self) -> str | None:
        """The key of the user who is logged in here, as a page of the shop sees it."""
        user: str | None = self.get("/who/").json()["user"]
        return user

    def openid(self) -> str | None:
        openid: str | None = self.get("/who/").json()["openid"]
        return openid

    @property
    def login(self) -> Login:
        """The row of the newest login there is."""
        return Login.objects.latest("pk")

    @property
    def person(self) -> Person:
        return self.login.person


def state_of(answer: HttpResponse) -> str:
    """The state in the address of WeChat's page."""
    return str(answer["Location"]).partition("state=")[2].partition("#")[0]


def codes(answer: HttpResponse) -> tuple[int, str]:
    """Status and code of a problem, of the page or of the JSON."""
    if answer["Content-Type"] == "application/json":
        return answer.status_code, answer.json()["code"]
    return answer.status_code, answer.content.decode().partition("<code>")[2].partition("<")[0]
