"""Fifteen working days: how long an operator may take to delete an account that was asked for.

With the public holidays of mainland China, and the weekends that are worked for them, where the
package ``chinesecalendar`` is installed and knows the year; else weekends count.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.utils import timezone

from wxauth.clock import today

try:
    from chinese_calendar import is_workday
except ImportError:  # pragma: no cover - the wheel test runs without it
    is_workday = None

#: Working days, and how many of them are left when the staff are warned: from the tenth on.
ALLOWED, WARNING = 15, 5
#: Days that are counted at most: whoever is so late needs no exact number.
COUNTED = 366


def left(asked_at: datetime) -> int:
    """Working days left since this moment; below zero: so many too late.

    The day itself does not count.
    """
    first, last = today(asked_at), today(timezone.now())
    days = range(1, min((last - first).days, COUNTED) + 1)
    return ALLOWED - sum(_is_worked(first + timedelta(days=number)) for number in days)


def _is_worked(day: date) -> bool:
    if is_workday is not None:
        try:
            return bool(is_workday(day))
        except NotImplementedError:
            pass  # The holidays of a year are published in the November before.
    return day.weekday() < 5
