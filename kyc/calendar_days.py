"""Dates that rules count: months after a day, working days after a moment."""

from calendar import monthrange
from collections.abc import Collection
from datetime import date, datetime, timedelta

_SATURDAY = 5


def months_after(day: date, months: int) -> date:
    """The day so many months later (earlier, when negative); one that its month lacks is the month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def moment_months_after(at: datetime, months: int) -> datetime:
    """The same time of day, so many months later."""
    return datetime.combine(months_after(at.date(), months), at.timetz())


def working_days_after(at: datetime, days: int, holidays: Collection[date] = ()) -> datetime:
    """The same time of day, so many working days later: Saturdays, Sundays and `holidays` do not count."""
    while days > 0:
        at += timedelta(days=1)
        if at.weekday() < _SATURDAY and at.date() not in holidays:
            days -= 1
    return at
