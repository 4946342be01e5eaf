"""Periods: closing one, and checking later that what counted in it still does.

An accountant closes the books of the house, not of a currency: a close is for the whole ledger, month after
month (`2026-10`), or through a day (`2026-10-31`) where the fiscal calendar is another. It is append-only and
final: what turns out wrong afterwards is posted into an open period.

A close is two transactions. The first moves the watermark; `ledger.posting.closed_periods` says under which
lock, which it holds for a few milliseconds. The second sums what counted before the period's end, by
effective time: nothing can change that any more, so postings need not wait for it. If it is interrupted,
closing the same period again completes it.

Cost of summing: reads every transfer once. A check reads them again, from the transfers up.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.errors import IntegrityConstraintViolation, LockNotAvailable

from emoney.ledger.base.errors import InvalidInput, Unavailable
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import checked_name
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.ledger import Ledger
from emoney.ledger.outbox import append
from emoney.ledger.posting import closed_periods as watermark
from emoney.ledger.reports import as_of
from emoney.ledger.transfers.chart import AccountKind, sign_of

SETTLES_WITHIN = timedelta(minutes=1)
"""A posting that took its time before the period's end has been committed by then, whosever clock it read."""

_NAME = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?")
_queries = queries_beside(__file__)


class UnknownPeriod(InvalidInput):
    """A name under which no period was closed."""


@dataclass(frozen=True, slots=True)
class Period:
    """A closed period, from `starts_at` (None: from the ledger's beginning) to before `ends_at`.

    `transfers`: how many count before its end; None while that is not summed.
    """

    id: UUID
    name: str
    starts_at: datetime | None
    ends_at: datetime
    time_zone: str
    closed_at: datetime
    actor: str
    transfers: int | None


@dataclass(frozen=True, slots=True)
class PeriodTotal:
    """All that counts before a period's end on accounts of one kind and currency; minor units."""

    currency: str
    kind: AccountKind
    debits: int
    credits: int

    @property
    def balance(self) -> int:
        return sign_of(self.kind) * (self.debits - self.credits)


@dataclass(frozen=True, slots=True)
class PeriodCheck:
    """A closed period's totals as recorded, and as its transfers give them now."""

    period: Period
    recorded: tuple[PeriodTotal, ...]
    found: tuple[PeriodTotal, ...]
    transfers_found: int

    @property
    def holds(self) -> bool:
        """Whether the books of the period are as they were closed."""
        return self.recorded == self.found and self.period.transfers == self.transfers_found


def close(ledger: Ledger, name: str, *, time_zone: str = "UTC", actor: str) -> Period:
    """Close a month (`2026-10`) or everything through a day (`2026-10-31`) of `time_zone`, for good.

    Periods are closed in order, a minute after their end or later. Closing one again changes nothing. Raises
    InvalidInput; Unavailable when postings under way do not end within five seconds, and nothing is closed
    then.
    """
    checked_name(actor)
    first, ends_at = _bounds(name, time_zone)

    def closing(connection: Connection) -> None:
        last = watermark.read(connection)
        row = connection.execute(_queries.find.sql, {"name": name}).fetchone()
        if row is not None:
            _check_same(Period(*row), ends_at, time_zone)
            return
        now = ledger.clock()
        if ends_at + SETTLES_WITHIN > now:
            raise InvalidInput(f"{name} is not over in {time_zone}; it can be closed a minute after its end")
        if last is not None and ends_at <= last:
            raise InvalidInput(f"the books are closed up to {last.astimezone(UTC).isoformat()}, past {name}")
        if last is not None and first is not None and last < first:
            raise InvalidInput(
                f"the books are closed up to {last.astimezone(UTC).isoformat()} only: "
                f"close what lies between that and {name} first"
            )
        period_id = new_id()
        try:
            connection.execute(
                _queries.close.sql,
                {
                    "id": period_id,
                    "name": name,
                    "starts_at": last,
                    "ends_at": ends_at,
                    "time_zone": time_zone,
                    "closed_at": now,
                    "actor": actor,
                },
            )
        except LockNotAvailable as error:
            raise Unavailable(
                "A posting is under way and does not end, so nothing was closed; try again."
            ) from error
        except IntegrityConstraintViolation as error:
            raise InvalidInput(
                f"another period was closed meanwhile; see whether {name} still follows"
            ) from error
        payload = {"name": name, "ends_at": ends_at.astimezone(UTC).isoformat(), "actor": actor}
        append(connection, "period.closed", period_id, payload, at=now)

    def summing(connection: Connection) -> Period:
        if find(connection, name).transfers is None:
            connection.execute(_queries.sum.sql, {"ends_at": ends_at, "at": ledger.clock()})
        return find(connection, name)

    ledger.run(closing)
    return ledger.run(summing)


@reads_tuples
def periods(connection: Connection) -> list[Period]:
    """The closed periods, oldest first."""
    return [Period(*row) for row in connection.execute(_queries.periods.sql)]


@reads_tuples
def find(connection: Connection, name: str) -> Period:
    """The closed period of this name. Raises UnknownPeriod."""
    row = connection.execute(_queries.find.sql, {"name": name}).fetchone() if _NAME.fullmatch(name) else None
    if row is None:
        raise UnknownPeriod(f"no period {name!r} is closed; see `emoney periods list`")
    return Period(*row)


@reads_tuples
def check(connection: Connection, name: str) -> PeriodCheck:
    """Sum the period again and compare it with what its close recorded. Raises UnknownPeriod."""
    period = find(connection, name)
    at = {"ends_at": period.ends_at}
    recorded = tuple(_total(row) for row in connection.execute(_queries.recorded.sql, at))
    found = tuple(_total(row) for row in connection.execute(_queries.totals.sql, at))
    row = connection.execute(_queries.counted.sql, at).fetchone()
    return PeriodCheck(period, recorded, found, row[0] if row else 0)


def _total(row: tuple[Any, ...]) -> PeriodTotal:
    return PeriodTotal(row[0], AccountKind(row[1]), *row[2:])


def _bounds(name: str, time_zone: str) -> tuple[datetime | None, datetime]:
    """A month's first moment, or None for what goes through a day, and the first moment after it."""
    form = _NAME.fullmatch(name)
    whole_month = form is not None and form[1] is None
    day = "" if form is None else f"{name}-01" if whole_month else name
    try:
        first = date.fromisoformat(day)
        after = (first + timedelta(days=31)).replace(day=1) if whole_month else first + timedelta(days=1)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{name!r} names no period: write 2026-10, or 2026-10-31 for all through that day"
        ) from None
    return as_of.start_of_day(first, time_zone) if whole_month else None, as_of.start_of_day(after, time_zone)


def _check_same(period: Period, ends_at: datetime, time_zone: str) -> None:
    if (period.ends_at, period.time_zone) != (ends_at, time_zone):
        raise InvalidInput(f"{period.name} is closed already, in the time zone {period.time_zone}")
