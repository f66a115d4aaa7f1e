"""The staff in Chromium: a phone number in full, with and without the right, in both languages.

``PICTURES=folder pytest -m client tests/admin/test_browser.py`` keeps a picture of each page.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.utils import timezone

from tests.miniprogram.conftest import find_program, missing
from wxauth.models import Event, Person
from wxauth.services import limits

pytestmark = [
    pytest.mark.client,
    pytest.mark.django_db(transaction=True),
]

NUMBER = "+8613800001234"
PICTURES = os.environ.get("PICTURES")
WORDS = {
    "en": {
        "open": "Show the phone number…",
        "show": "Show the number",
        "record": "That you have seen it, and why, is on record.",
        "limit": "You have seen enough numbers for now",
        "kind": "phone number shown in full",
        "list": "working days left",
    },
    "zh-hans": {
        "open": "查看手机号…",
        "show": "查看",
        "record": "本次查看及原因已记录。",
        "limit": "查看次数已达上限",
        "kind": "查看完整手机号",
        "list": "剩余工作日",
    },
}


@pytest.fixture(scope="module")
def chromium():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    program = find_program("chromium", "chromium-browser", "google-chrome")
    # Playwright runs an event loop in this thread, and Django asks whether there is one.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def staff_page(chromium, live_server, client, settings):
    """A page of somebody of the staff with these permissions, in this language."""
    contexts = []

    def open_(language, *codenames):
        settings.LANGUAGE_CODE = language
        user = get_user_model().objects.create_user("carol", password="x", is_staff=True)
        user.user_permissions.set(
            Permission.objects.filter(content_type__app_label="wxauth", codename__in=codenames)
        )
        client.force_login(user)
        context = chromium.new_context(locale=language, viewport={"width": 1100, "height": 700})
        contexts.append(context)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}]
        )
        return context.new_page()

    yield open_
    for context in contexts:
        context.close()


def keep(page, name):
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{PICTURES}/{name}.png")


@pytest.mark.parametrize("language", WORDS)
def test_a_number_is_shown_for_a_reason_until_there_were_enough(
    staff_page, live_server, bob, language, settings, monkeypatch
):
    words = WORDS[language]
    settings.WXAUTH = {**settings.WXAUTH, "LIMITS": {"reveal": "1/hour"}}
    monkeypatch.setattr(limits, "_windows", limits._Windows())
    cache.clear()
    page = staff_page(language, "view_person", "view_event", "reveal_phone")
    page.goto(f"{live_server.url}/admin/wxauth/person/{bob.person.pk}/change/")
    keep(page, f"person-{language}")
    page.get_by_role("link", name=words["open"]).click()
    assert NUMBER not in page.content()
    keep(page, f"ask-{language}")
    # Without a reason the browser does not even send the form.
    page.get_by_role("button", name=words["show"]).click()
    assert page.locator("#wxauth-reason:invalid").count() == 1
    assert not Event.objects.exists()
    page.fill("#wxauth-reason", "包裹退回")
    page.get_by_role("button", name=words["show"]).click()
    page.wait_for_selector("#wxauth-phone")
    assert page.inner_text("#wxauth-phone") == NUMBER
    assert words["record"] in page.content()
    keep(page, f"shown-{language}")
    # Back and forth: the answer was stored nowhere.
    page.goto(f"{live_server.url}/admin/wxauth/person/{bob.person.pk}/phone/")
    assert NUMBER not in page.content()
    page.fill("#wxauth-reason", "x")
    page.get_by_role("button", name=words["show"]).click()
    page.wait_for_selector(".errornote")
    assert words["limit"] in page.content()
    assert NUMBER not in page.content()
    keep(page, f"limit-{language}")
    page.goto(f"{live_server.url}/admin/wxauth/event/")
    assert words["kind"] in page.inner_text("#result_list")
    assert page.locator("#result_list tbody tr").count() == 1
    assert NUMBER not in page.content()
    keep(page, f"events-{language}")


@pytest.mark.parametrize("language", WORDS)
def test_without_the_right_there_is_no_way(staff_page, live_server, bob, language):
    page = staff_page(language, "view_person")
    page.goto(f"{live_server.url}/admin/wxauth/person/{bob.person.pk}/change/")
    assert page.get_by_role("link", name=WORDS[language]["open"]).count() == 0
    answer = page.goto(f"{live_server.url}/admin/wxauth/person/{bob.person.pk}/phone/")
    assert answer.status == 403
    assert NUMBER not in page.content()
    assert not Event.objects.exists()


@pytest.mark.parametrize("language", WORDS)
def test_the_list_of_deletions_says_how_long_is_left(staff_page, live_server, bob, language):
    now = timezone.now()
    Person.objects.filter(pk=bob.person.pk).update(
        deletion_asked_at=now - timedelta(days=30),
        deletion_due_at=now - timedelta(days=23),
        deletion_refusal="您有未完成的订单",
    )
    page = staff_page(language, "view_person", "view_deletion")
    page.goto(f"{live_server.url}/admin/wxauth/deletion/")
    shown = page.inner_text("#result_list")
    assert WORDS[language]["list"].lower() in shown.lower()
    assert "您有未完成的订单" in shown
    keep(page, f"deletions-{language}")
