"""Moments and days, with and without USE_TZ."""

from __future__ import annotations

from datetime import date, datetime, timezone

from django.utils import timezone as django_timezone


def today(now: datetime) -> date:
    """The day of this moment in the project's time zone."""
    # Not the current time zone: a middleware may have activated the visitor's own.
    if django_timezone.is_aware(now):
        now = now.astimezone(django_timezone.get_default_timezone())
    return now.date()


def rfc3339(moment: datetime) -> str:
    """``2026-01-31T08:00:00Z``: UTC, whole seconds, whatever zone the project lives in."""
    if django_timezone.is_naive(moment):
        moment = django_timezone.make_aware(moment, django_timezone.get_default_timezone())
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
