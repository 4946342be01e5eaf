"""Moments that rules count: months after a moment, working days after one."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from emoney.ledger.limits.windows import months_later

_SATURDAY = 5


def moment_months_after(at: datetime, months: int) -> datetime:
    """The same time of day, so many months later."""
    return datetime.combine(months_later(at.date(), months), at.timetz())


def working_days_after(at: datetime, days: int, holidays: Collection[date] = ()) -> datetime:
    """The same time of day, so many working days later: Saturdays, Sundays and `holidays` do not count."""
    while days > 0:
        at += timedelta(days=1)
        if at.weekday() < _SATURDAY and at.date() not in holidays:
            days -= 1
    return at
