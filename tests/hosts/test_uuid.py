"""Users with UUIDs in an API without admin, sessions and messages."""

from __future__ import annotations

import io
from uuid import UUID

import pytest
import requests
from PIL import Image

from .phone import APP_ONE, APP_TWO

pytestmark = pytest.mark.hosts


@pytest.fixture
def alice(get_host, new_phone):
    phone = new_phone(get_host("uuid"))
    phone.log_in()
    return phone


def test_the_id_is_the_projects_own(alice):
    me = alice.get("me/").json()
    assert str(UUID(me["id"])) == me["id"]


def test_the_projects_own_view_takes_our_token(alice):
    answer = alice.send("GET", "/api/whoami/", authorization=f"Bearer {alice.token}")
    assert answer.json() == {
        "id": alice.get("me/").json()["id"],
        "appid": APP_ONE,
        "openid": alice.fake.person(alice.name).openid(APP_ONE),
    }


def test_the_projects_own_view_refuses_in_the_projects_own_way(alice):
    assert alice.send("GET", "/api/whoami/").status_code == 401
    answer = alice.send("GET", "/api/whoami/", authorization="Bearer wxa_x")
    assert answer.status_code == 401
    assert answer.json().keys() == {"detail"}


def test_an_ended_login_shuts_the_projects_views_too(alice):
    alice.post("logout/")
    answer = alice.send("GET", "/api/whoami/", authorization=f"Bearer {alice.token}")
    assert answer.status_code == 401


def test_a_picture_lies_where_the_project_keeps_its_own(alice):
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    answer = requests.post(
        f"{alice.host.url}/api/wxauth/me/avatar/",
        files={"avatar": ("a.png", picture.getvalue(), "image/png")},
        headers={"Authorization": f"Bearer {alice.token}"},
    )
    base = "https://pictures.example.com/"
    address = answer.json()["avatar"]
    assert address.startswith(base)
    assert (alice.host.folder / "media" / address.removeprefix(base)).exists()


def test_the_openid_for_wechat_pay_is_found_by_the_user(alice):
    user = alice.get("me/").json()["id"]
    found = alice.host.shell(
        "from django.contrib.auth import get_user_model\n"
        "from wxauth.models import OpenId\n"
        f"user = get_user_model().objects.get(pk={user!r})\n"
        f"print(OpenId.objects.for_user(user, {APP_ONE!r}).first(),"
        f" OpenId.objects.for_user(user, {APP_TWO!r}).first())"
    )
    assert found == f"{alice.fake.person(alice.name).openid(APP_ONE)} None"
