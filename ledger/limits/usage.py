"""Usage: what a wallet has moved, counted by periods so that a rule over any window can sum what it measures.

One row of `ledger.usage` per wallet and period: a calendar month (with its days), a year, a lifetime.
Which of them are kept follows from what the wallet's profile counts:

| window                             | summed from                                                       |
|------------------------------------|-------------------------------------------------------------------|
| day, calendar month                | the month                                                         |
| rolling 30 days, rolling 12 months | the months it touches: whole ones by their totals, others by days |
| calendar year, fiscal year         | the year                                                          |
| lifetime                           | the lifetime                                                      |

Rows are packed: per direction and operation a cell of 13 bytes (code, number, amount), for days 14 (the day
before it, latest day first). So a batch reads and writes one or two rows per wallet instead of one per
window, direction and operation; `ledger.usage_cell` shows them unpacked. What a wallet moves with one other
account (scope payee) is counted in rows of the pair's own.

The lock of the wallet's account covers its rows.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

import psycopg

from emoney.ledger.base.ids import content_id
from emoney.ledger.base.postgres.binary_arrays import Dates, Uuids, packing
from emoney.ledger.base.postgres.binary_rows import USAGE, Rows, text, usage_row
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.limits.rules import Counted, Direction, LimitProfile, LimitRule
from emoney.ledger.limits.windows import Window, months_later, window_start
from emoney.ledger.transfers.operations import Operation

_queries = queries_beside(__file__)

_TOTAL_BYTES, _DAILY_BYTES, _CELL_BYTES = 13, 14, 12

Cell = int
"""A number of transfers and their amount in minor units, as one integer: number << 64 | amount."""

Cells = dict[int, Cell]
"""By the code of a direction and an operation."""

_NUMBER_AT = 64
_AMOUNT = (1 << _NUMBER_AT) - 1


def cell(amount: int, number: int) -> Cell:
    """So many transfers over so much; both negative to take them back."""
    return (number << _NUMBER_AT) + amount


class Span(StrEnum):
    """What kind of period a row is about."""

    __hash__ = str.__hash__

    MONTH = "month"
    YEAR = "year"
    LIFETIME = "lifetime"


PeriodStart = tuple[Span, date]
PeriodKey = tuple[Span, date] | tuple[Span, date, UUID]
"""A period, and the other account where it is about what moves with that one only."""


class Period:
    """What one wallet moved in one period, and on the days of it where it is a month.

    `moved`: all that was ever counted, minor units; `returned`: how much of it was given back. Both only
    grow, which the database holds, and of both is kept what it has stored.

    Thousands live at once: each is of few objects that Python's garbage collector would look at.
    """

    __slots__ = ("_days", "_packed_days", "_stored_moved", "_stored_returned", "moved", "returned", "totals")

    def __init__(self, totals: bytes = b"", days: bytes = b"", moved: int = 0, returned: int = 0) -> None:
        self.totals: Cells = {}
        for at in range(0, len(totals), _TOTAL_BYTES):
            self.totals[totals[at]] = int.from_bytes(totals[at + 1 : at + _TOTAL_BYTES])
        self._packed_days = days
        self._days: dict[int, Cells] | None = None
        self.moved = self._stored_moved = moved
        self.returned = self._stored_returned = returned

    def add(self, code: int, amount: int, number: int, day: int | None) -> None:
        """Count transfers; with negative numbers, take back what was never written."""
        more = (number << _NUMBER_AT) + amount
        totals = self.totals
        totals[code] = totals.get(code, 0) + more
        if day is not None:
            cells = (self._days and self._days.get(day)) or self.day(day)
            cells[code] = cells.get(code, 0) + more
        self.moved += amount

    def give_back(self, code: int, amount: int, number: int, day: int | None) -> None:
        """Lower what was counted, as far as it was."""
        given = 0
        for cells in (self.totals,) if day is None else (self.totals, self.day(day)):
            counted = cells.get(code, 0)
            given = min(amount, counted & _AMOUNT)
            cells[code] = counted - cell(given, min(number, counted >> _NUMBER_AT))
        self.returned += given

    def day(self, number: int) -> Cells:
        """What was moved on a day of the month."""
        days = self._days
        if days is None:
            days = self._days = {}
        cells = days.get(number)
        if cells is None:
            cells = days[number] = {}
            packed = self._packed_days
            start = end = _start_of(packed, number)
            while end < len(packed) and packed[end] == number:
                cells[packed[end + 1]] = int.from_bytes(packed[end + 2 : end + _DAILY_BYTES])
                end += _DAILY_BYTES
            self._packed_days = packed[:start] + packed[end:]
        return cells

    def between(self, first: int, last: int) -> Cells:
        """What was moved on the days of the month from `first` to `last`, summed."""
        if first == last:
            return self.day(first)
        total: Cells = {}
        for number in {*(self._days or ()), *self._packed_days[::_DAILY_BYTES]}:
            if first <= number <= last:
                for code, each in self.day(number).items():
                    total[code] = total.get(code, 0) + each
        return total

    def packed(self) -> tuple[bytes, bytes]:
        """The totals and the days as they are stored. Raises OverflowError for more than 2^32 transfers."""
        totals = b""
        for code, each in self.totals.items():
            if each:
                totals += _BYTE[code] + each.to_bytes(_CELL_BYTES)
        days = self._packed_days
        for number, cells in (self._days or {}).items():
            fresh = b""
            for code, each in cells.items():
                if each:
                    fresh += _BYTE[number] + _BYTE[code] + each.to_bytes(_CELL_BYTES)
            start = _start_of(days, number)
            days = days[:start] + fresh + days[start:] if days else fresh
        if self._days and len(self._days) > 1:  # a single one will be asked for again
            self._packed_days = days
            self._days = None
        return totals, days

    def taken_for_stored(self) -> bool:
        """Whether something was counted or given back since this was last asked."""
        if self.moved == self._stored_moved and self.returned == self._stored_returned:
            return False
        self._stored_moved, self._stored_returned = self.moved, self.returned
        return True


def _start_of(packed: bytes, day: int) -> int:
    """Where a day's cells begin among packed ones, or would: the latest day is first."""
    start = 0
    while start < len(packed) and packed[start] > day:
        start += _DAILY_BYTES
    return start


_BYTE = [bytes((each,)) for each in range(256)]

Usage = dict[PeriodKey, Period]


@lru_cache(maxsize=65536)
def periods_counted(
    counted: Counted, fiscal_year_starts: int, direction: Direction, day: date
) -> tuple[PeriodStart, ...]:
    """The periods that a transfer of this direction on this day counts in."""
    found: set[PeriodStart] = set()
    for of, window in counted:
        if of is direction:
            if window is Window.LIFETIME:
                found.add((Span.LIFETIME, date.min))
            elif window in (Window.CALENDAR_YEAR, Window.FISCAL_YEAR):
                found.add((Span.YEAR, window_start(window, day, fiscal_year_starts)))
            else:
                found.add((Span.MONTH, day.replace(day=1)))
    return tuple(sorted(found))


@lru_cache(maxsize=65536)
def periods_measured(counted: Counted, fiscal_year_starts: int, day: date) -> tuple[PeriodStart, ...]:
    """The periods that windows which end on, or lie around, this day are summed from."""
    found = {
        period
        for direction in Direction
        for period in periods_counted(counted, fiscal_year_starts, direction, day)
    }
    for _, window in counted:
        if window in (Window.ROLLING_30D, Window.ROLLING_12M):
            month = window_start(window, day).replace(day=1)
            while month <= day:
                found.add((Span.MONTH, month))
                month = months_later(month, 1)
    return tuple(sorted(found))


def periods_measured_by(profile: LimitProfile, day: date) -> set[PeriodStart]:
    """The periods that any rule of a profile may look into on this day, per payee or not."""
    starts = profile.fiscal_year_starts
    return {
        *periods_measured(profile.counted, starts, day),
        *periods_measured(profile.counted_per_payee, starts, day),
    }


@lru_cache(maxsize=65536)
def parts_of(
    window: Window, day: date, fiscal_year_starts: int
) -> tuple[tuple[PeriodStart, tuple[int, int] | None], ...]:
    """What a window is summed from: periods, whole or from one day of the month to another."""
    month = day.replace(day=1)
    if window is Window.DAY:
        return (((Span.MONTH, month), (day.day, day.day)),)
    if window is Window.CALENDAR_MONTH:
        return (((Span.MONTH, month), None),)
    if window is Window.LIFETIME:
        return (((Span.LIFETIME, date.min), None),)
    first = window_start(window, day, fiscal_year_starts)
    if window in (Window.CALENDAR_YEAR, Window.FISCAL_YEAR):
        return (((Span.YEAR, first), None),)
    parts: list[tuple[PeriodStart, tuple[int, int] | None]] = []
    month = first.replace(day=1)
    while month <= day:
        following = months_later(month, 1)
        last = min(day, following - timedelta(days=1))
        whole = first <= month and following <= day
        parts.append(((Span.MONTH, month), None if whole else (max(first, month).day, last.day)))
        month = following
    return tuple(parts)


def moved_in(
    usage: Usage, rule: LimitRule, day: date, fiscal_year_starts: int, payee: UUID | None
) -> tuple[int, int]:
    """The amount and the number of transfers that a flow or count rule measures in its window on `day`.

    `payee`: the other account, for a rule that measures what moves with that one only.
    """
    assert rule.window is not None
    codes, total = rule.codes, 0
    for start, days in parts_of(rule.window, day, fiscal_year_starts):
        period = usage.get(start if payee is None else (*start, payee))
        if period is None:
            continue
        cells = period.totals if days is None else period.between(*days)
        for code, each in cells.items():
            if code in codes:
                total += each
    return total & _AMOUNT, total >> _NUMBER_AT


def pair_id(account_id: UUID, payee: UUID) -> UUID:
    """Under which id rows about one wallet and one other account are kept."""
    return content_id(b"payee|" + account_id.bytes + payee.bytes)


Place = tuple[Usage, UUID | None]
"""Where a row goes: a wallet's usage, and the other account where it is about what moves with that one."""

Wanted = dict[UUID, Place]
"""Whose rows to read: wallets and pairs."""


def want(wanted: Wanted, account: "Counting", other: "Counting", operation: Operation) -> None:
    """Add what a transfer between two accounts asks of the first one's usage, its siblings' included."""
    for each in (account, *account.siblings):
        wanted[each.id] = (each.usage, None)
    assert account.profile is not None
    if account.profile.counts_payee(operation):
        wanted[pair_id(account.id, other.id)] = (account.usage, other.id)


class Counting(Protocol):
    """An account whose usage is counted."""

    id: UUID
    profile: LimitProfile | None
    usage: Usage

    @property
    def siblings(self) -> "Sequence[Counting]": ...


def read(connection: Connection, wanted: Wanted, periods: Collection[PeriodStart]) -> None:
    """Fill the usages with the stored rows of these periods. One round trip, none for nothing."""
    if wanted and periods:
        rows = ask(connection, wanted, periods)
        fill({scope.int: place for scope, place in wanted.items()}, rows.fetchall())


@reads_tuples
def ask(
    connection: Connection, scopes: Iterable[UUID], periods: Collection[PeriodStart]
) -> psycopg.Cursor[tuple[Any, ...]]:
    """Ask for the stored rows of these wallets or pairs for these periods, for `fill`."""
    return packing(connection).execute(
        _queries.read.sql,
        {
            "scopes": Uuids.of(scopes),
            "starts": Dates.of({starts_on for _, starts_on in periods}),
        },
        binary=True,
    )


def fill(places: Mapping[int, Place], rows: Iterable[tuple[Any, ...]]) -> None:
    """Put the rows where they belong. `places`: by the integer of the wallet's or the pair's id."""
    starts: dict[tuple[str, date], PeriodStart] = {}
    for scope, span, starts_on, totals, days, moved, returned in rows:
        usage, payee = places[scope.int]
        start = starts.get((span, starts_on))
        if start is None:
            start = starts[span, starts_on] = (_SPANS[span], starts_on)
        usage[start if payee is None else (*start, payee)] = Period(totals, days, moved, returned)


_SPANS = {span.value: span for span in Span}


def changed(usages: Iterable[tuple[UUID, Usage]]) -> Rows:
    """What changed of some usages, packed as it is to be stored; taken for stored from now on."""
    rows: list[bytes] = []
    for account_id, usage in usages:
        for (span, starts_on, *payee), period in usage.items():
            if period.taken_for_stored():
                scope = pair_id(account_id, *payee) if payee else account_id
                packed = (*period.packed(), period.moved, period.returned)
                rows.append(usage_row(scope, starts_on, _SPAN_TEXTS[span], *packed))
    return Rows(USAGE, rows)


_SPAN_TEXTS = {span: text(span.value) for span in Span}


@reads_tuples
def store(connection: Connection, rows: Rows) -> None:
    """Store what changed: nothing for nothing."""
    if rows:
        connection.execute(_queries.store.sql, {"rows": rows.array(connection)})
