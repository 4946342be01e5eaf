"""Local days, and the windows of days over which limits are taken.

A day is a calendar day in a profile's time zone, whatever the clocks do on it. All windows are whole days.
"""

from calendar import monthrange
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from math import floor
from zoneinfo import ZoneInfo

ROLLING_DAYS = 30
YEAR_MONTHS = 12


class Window(StrEnum):
    """Over which time a flow or a count is taken."""

    __hash__ = str.__hash__  # rules are looked up by it, and Enum's own hash runs in Python

    DAY = "day"
    CALENDAR_MONTH = "calendar_month"
    CALENDAR_YEAR = "calendar_year"
    FISCAL_YEAR = "fiscal_year"
    """Twelve months from the first of the month that the profile names."""
    ROLLING_30D = "rolling_30d"
    """This day and the 29 before it."""
    ROLLING_12M = "rolling_12m"
    """From the day after this date of last year, this day included."""
    LIFETIME = "lifetime"


def window_start(window: Window, day: date, fiscal_year_starts: int = 1) -> date:
    """The first day of the window that `day` lies in, or ends. `fiscal_year_starts`: a month, 1 to 12."""
    match window:
        case Window.DAY:
            return day
        case Window.CALENDAR_MONTH:
            return day.replace(day=1)
        case Window.CALENDAR_YEAR:
            return day.replace(month=1, day=1)
        case Window.FISCAL_YEAR:
            return date(day.year - (day.month < fiscal_year_starts), fiscal_year_starts, 1)
        case Window.ROLLING_30D:
            return day - timedelta(days=ROLLING_DAYS - 1)
        case Window.ROLLING_12M:
            return months_later(day, -YEAR_MONTHS) + timedelta(days=1)
        case Window.LIFETIME:
            return date.min


ROLLING = frozenset({Window.ROLLING_30D, Window.ROLLING_12M})
"""The windows whose first day moves on with each day."""


def window_last(window: Window, day: date, fiscal_year_starts: int = 1) -> date:
    """The last day of the window that `day` lies in, or ends."""
    first = window_start(window, day, fiscal_year_starts)
    match window:
        case Window.CALENDAR_MONTH:
            return months_later(first, 1) - timedelta(days=1)
        case Window.CALENDAR_YEAR | Window.FISCAL_YEAR:
            return months_later(first, YEAR_MONTHS) - timedelta(days=1)
        case Window.LIFETIME:
            return date.max
        case _:
            return day


def months_later(day: date, months: int) -> date:
    """The same day of the month so many months later, or the last of that month where it is shorter."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def local_day(at: datetime, time_zone: str) -> date:
    """The day that a moment falls on in a time zone."""
    return _local_day(floor(at.timestamp()) // _SLOT_S, time_zone)


_SLOT_S = 900  # every offset from UTC in force today is a multiple of a quarter of an hour


@lru_cache(maxsize=65536)
def _local_day(slot: int, time_zone: str) -> date:
    return datetime.fromtimestamp(slot * _SLOT_S, ZoneInfo(time_zone)).date()
