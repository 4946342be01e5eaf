"""Days and months begin where the wallet's law is in force, whatever the clocks do there."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger.limits.windows import Window, local_day, months_later, window_start

ZONES = [
    "Africa/Accra",
    "Europe/Brussels",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "UTC",
]


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Africa/Accra", "2026-03-10T00:00:00+00:00", "2026-03-10"),
        ("Africa/Accra", "2026-03-09T23:59:59.999999+00:00", "2026-03-09"),
        # Kathmandu is 5:45 ahead: its midnight is 18:15 of the day before
        ("Asia/Kathmandu", "2026-03-09T18:14:59.999999+00:00", "2026-03-09"),
        ("Asia/Kathmandu", "2026-03-09T18:15:00+00:00", "2026-03-10"),
        # clocks forward on 29 March 2026: that day has 23 hours
        ("Europe/Brussels", "2026-03-28T23:00:00+00:00", "2026-03-29"),
        ("Europe/Brussels", "2026-03-29T21:59:59+00:00", "2026-03-29"),
        ("Europe/Brussels", "2026-03-29T22:00:00+00:00", "2026-03-30"),
        # clocks back on 25 October 2026: that day has 25 hours
        ("Europe/Brussels", "2026-10-24T22:00:00+00:00", "2026-10-25"),
        ("Europe/Brussels", "2026-10-25T22:59:59+00:00", "2026-10-25"),
        ("Europe/Brussels", "2026-10-25T23:00:00+00:00", "2026-10-26"),
        # leap day
        ("Africa/Accra", "2028-02-29T12:00:00+00:00", "2028-02-29"),
        ("Europe/Brussels", "2028-02-28T23:00:00+00:00", "2028-02-29"),
        ("Europe/Brussels", "2028-02-29T23:00:00+00:00", "2028-03-01"),
        # before the epoch, between two seconds
        ("UTC", "1969-12-31T23:59:59.500000+00:00", "1969-12-31"),
    ],
)
def test_the_day_of_a_moment(zone: str, moment: str, day: str) -> None:
    assert local_day(datetime.fromisoformat(moment), zone) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("zone", "moment", "first"),
    [
        ("Europe/Brussels", "2026-03-31T21:59:59+00:00", "2026-03-01"),
        ("Europe/Brussels", "2026-03-31T22:00:00+00:00", "2026-04-01"),
        ("Europe/Brussels", "2025-12-31T23:00:00+00:00", "2026-01-01"),
        ("Asia/Kathmandu", "2028-02-29T18:14:59+00:00", "2028-02-01"),
        ("Asia/Kathmandu", "2028-02-29T18:15:00+00:00", "2028-03-01"),
        ("Africa/Accra", "2026-02-28T23:59:59+00:00", "2026-02-01"),
        ("Africa/Accra", "2026-03-01T00:00:00+00:00", "2026-03-01"),
    ],
)
def test_the_month_of_a_moment(zone: str, moment: str, first: str) -> None:
    found = window_start(Window.CALENDAR_MONTH, local_day(datetime.fromisoformat(moment), zone))
    assert found == date.fromisoformat(first)


@given(
    st.datetimes(datetime(1975, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(ZONES),
)
def test_windows_are_those_of_the_local_calendar(moment: datetime, zone: str) -> None:
    local = moment.astimezone(ZoneInfo(zone)).date()
    assert local_day(moment, zone) == local
    assert window_start(Window.CALENDAR_MONTH, local) == local.replace(day=1)
    assert local_day(moment.astimezone(ZoneInfo("Asia/Tokyo")), zone) == local


@given(st.datetimes(datetime(1975, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_time_going_on_never_goes_back_a_day(moment: datetime) -> None:
    for zone in ZONES:
        later = local_day(moment + timedelta(seconds=1), zone)
        assert later - local_day(moment, zone) in (timedelta(0), timedelta(days=1))


@pytest.mark.parametrize(
    ("window", "day", "first"),
    [
        (Window.CALENDAR_YEAR, "2028-02-29", "2028-01-01"),
        (Window.FISCAL_YEAR, "2026-03-31", "2025-04-01"),
        (Window.FISCAL_YEAR, "2026-04-01", "2026-04-01"),
        (Window.ROLLING_30D, "2026-03-30", "2026-03-01"),
        (Window.ROLLING_30D, "2028-03-01", "2028-02-01"),
        (Window.ROLLING_12M, "2026-11-24", "2025-11-25"),
        (Window.ROLLING_12M, "2028-02-29", "2027-03-01"),
        (Window.ROLLING_12M, "2029-02-28", "2028-02-29"),
        (Window.LIFETIME, "2026-11-24", "0001-01-01"),
    ],
)
def test_where_longer_windows_begin(window: Window, day: str, first: str) -> None:
    assert window_start(window, date.fromisoformat(day), fiscal_year_starts=4) == date.fromisoformat(first)


@given(st.dates(date(1950, 1, 1), date(2090, 1, 1)), st.integers(1, 12))
def test_a_window_holds_its_day_and_its_first_day_is_in_the_same_window(day: date, starts: int) -> None:
    for window in Window:
        first = window_start(window, day, starts)
        assert first <= day
        if window not in (Window.ROLLING_30D, Window.ROLLING_12M):
            assert window_start(window, first, starts) == first


@given(st.dates(date(1950, 1, 1), date(2090, 1, 1)), st.integers(-30, 30))
def test_months_later_lands_in_that_month_on_that_day_or_its_last(day: date, months: int) -> None:
    later = months_later(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == day.day or (later + timedelta(days=1)).day == 1
