"""What startproject wrote, and wxauth: two lines of settings and one of URLs."""

from __future__ import annotations

import re

import pytest
import requests

pytestmark = pytest.mark.hosts


@pytest.fixture
def host(get_host):
    return get_host("bare")


def test_a_new_person_is_a_user_of_djangos_own_without_a_password(host, new_phone):
    alice = new_phone(host)
    user = alice.log_in()["user"]
    row = host.shell(
        "from django.contrib.auth.models import User\n"
        f"user = User.objects.get(pk={user['id']})\n"
        "print(user.has_usable_password(), user.is_staff, user.last_login is not None)"
    )
    assert row == "False False True"


def test_the_staff_see_who_is_who_in_the_projects_own_admin(host, new_phone):
    alice = new_phone(host)
    alice.log_in()
    alice.post("me/", {"nickname": "小爱在此"})
    host.shell(
        "from django.contrib.auth.models import User\n"
        "User.objects.create_superuser('staff', password='staff')"
    )
    with requests.Session() as session:
        page = session.get(f"{host.url}/admin/login/")
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
        fields = {"username": "staff", "password": "staff", "csrfmiddlewaretoken": token}
        session.post(f"{host.url}/admin/login/?next=/admin/", data=fields).raise_for_status()
        people = session.get(f"{host.url}/admin/wxauth/person/")
    assert people.status_code == 200
    assert "小爱在此" in people.text


def test_the_projects_own_pages_are_its_own(host):
    answer = requests.get(f"{host.url}/nowhere/")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "X-Request-ID" not in answer.headers
