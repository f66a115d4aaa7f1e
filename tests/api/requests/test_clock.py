"""Moments and days are the project's, whatever time zone a request has activated."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from django.utils import timezone as django_timezone

from tests.api.phone import Phone
from wxauth.clock import rfc3339, today

NOON = datetime(2026, 1, 31, 12, 0, 0, 999_999, tzinfo=timezone.utc)


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_a_day_is_the_projects_day(settings, zone):
    settings.TIME_ZONE = "Asia/Shanghai"
    with django_timezone.override(zone):
        assert today(NOON) == date(2026, 1, 31)
        assert today(NOON + timedelta(hours=5)) == date(2026, 2, 1)
        assert today(datetime(2026, 1, 31, 23, 59)) == date(2026, 1, 31)  # noqa: DTZ001


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Asia/Shanghai"])
def test_a_moment_is_written_in_utc(settings, zone):
    settings.TIME_ZONE = "Asia/Shanghai"
    shanghai = timezone(timedelta(hours=8))
    with django_timezone.override(zone):
        assert rfc3339(NOON) == "2026-01-31T12:00:00Z"
        assert rfc3339(NOON.astimezone(shanghai)) == "2026-01-31T12:00:00Z"
        assert rfc3339(datetime(2026, 1, 31, 20)) == "2026-01-31T12:00:00Z"  # noqa: DTZ001


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "UTC"])
def test_a_project_without_time_zone_support_tells_the_same_time(fake_wechat, settings, zone):
    settings.TIME_ZONE = zone
    settings.USE_TZ = False
    alice = Phone(fake_wechat, "alice")
    assert alice.get("me/").status_code == 200
    (shown,) = alice.get("me/logins/").json()
    for text in (alice.me()["created_at"], shown["created_at"]):
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
        assert abs(datetime.now(timezone.utc) - moment) < timedelta(minutes=1)
    assert alice.delete(f"me/logins/{shown['id']}/").status_code == 204
    assert alice.get("me/").status_code == 401
