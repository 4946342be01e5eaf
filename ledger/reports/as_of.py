"""As of: what an account held at a past moment, by posting time or by effective time.

By **posting time** the answer is final once the transactions that were open at the moment have ended: entries
are never changed and none is added before them. It costs one probe of the entries' key, since the entries of
an account are in the order of their posting times.

By **effective time** a backdated transfer changes the answer for the past. It costs the same probe, and a
read in an index of the account's late transfers that were posted after the moment: none, where none was.

A moment is inclusive everywhere: an entry posted at it counts. PostgreSQL's times are whole microseconds.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from emoney.ledger.base.errors import InvalidInput, UnknownAccount
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.transfers.chart import AccountKind

_queries = queries_beside(__file__)

_TICK = timedelta(microseconds=1)
"""PostgreSQL's resolution of a moment."""


class TimeBasis(StrEnum):
    """Which time of a transfer counts."""

    POSTED = "posted"
    """When it was written into the books."""
    EFFECTIVE = "effective"
    """When it counts for its parties."""


@dataclass(frozen=True, slots=True)
class Position:
    """An account at a moment. `version`: its last entry by then, 0 before the first. `balance`: minor
    units."""

    version: int
    balance: int


@dataclass(frozen=True, slots=True)
class EffectivePosition:
    """What of an account is effective by a moment. `until`: its last version, when this was read. `entries`:
    how many are effective by the moment. `balance`: of these, minor units."""

    until: int
    entries: int
    balance: int


@dataclass(frozen=True, slots=True)
class KindTotal:
    """All accounts of one kind and currency at a moment, minor units.

    `positive` and `negative` are the sums of the balances above and below zero: their sum is the kind's
    balance.
    """

    currency: str
    kind: AccountKind
    accounts: int
    positive: int
    negative: int

    @property
    def balance(self) -> int:
        return self.positive + self.negative


@reads_tuples
def position(connection: Connection, account_id: UUID, moment: datetime) -> Position:
    """The account's last version and balance posted at or before `moment`.

    Raises UnknownAccount, and InvalidInput for a moment without a time zone.
    """
    _check(moment)
    row = connection.execute(_queries.version_at.sql, {"account": account_id, "moment": moment}).fetchone()
    if row is None:
        raise UnknownAccount(f"there is no account {account_id}")
    return Position(*row)


def balance(
    connection: Connection, account_id: UUID, moment: datetime, *, basis: TimeBasis = TimeBasis.POSTED
) -> int:
    """The account's balance at `moment`, minor units, in the account's own sense.

    Raises UnknownAccount, and InvalidInput for a moment without a time zone.
    """
    if basis is TimeBasis.POSTED:
        return position(connection, account_id, moment).balance
    _check(moment)
    (found,) = effective_by(connection, account_id, [moment])
    return found.balance


@reads_tuples
def effective_by(
    connection: Connection, account_id: UUID, moments: list[datetime]
) -> list[EffectivePosition]:
    """What of the account is effective by each of `moments`, in their order, read at once.

    Raises UnknownAccount.
    """
    rows = connection.execute(
        _queries.effective_by.sql, {"account": account_id, "moments": moments}
    ).fetchall()
    if not rows:
        raise UnknownAccount(f"there is no account {account_id}")
    return [EffectivePosition(*row) for row in rows]


@reads_tuples
def totals(connection: Connection, moment: datetime) -> list[KindTotal]:
    """The whole chart of accounts at `moment` by posting time, built from each account's balance.

    Reads every account once, and of the entries those posted after `moment`.
    """
    _check(moment)
    return [
        KindTotal(currency, AccountKind(kind), accounts, positive, negative)
        for currency, kind, accounts, positive, negative in connection.execute(
            _queries.totals_by_posting_time.sql, {"moment": moment}
        )
    ]


def just_before(moment: datetime) -> datetime:
    """The last moment before `moment`: what was posted by then was posted before it."""
    return moment.astimezone(UTC) - _TICK


def end_of_day(day: date, time_zone: str) -> datetime:
    """The last moment of the calendar day in a time zone such as `Africa/Accra`. Raises InvalidInput."""
    return just_before(start_of_day(day + timedelta(days=1), time_zone))


def start_of_day(day: date, time_zone: str) -> datetime:
    """The first moment of the calendar day in a time zone. Raises InvalidInput."""
    return datetime.combine(day, time(), zone(time_zone))


def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises InvalidInput."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInput(f"{name!r} is not a time zone such as UTC or Africa/Accra") from None


def _check(moment: datetime) -> None:
    if moment.tzinfo is None:
        raise InvalidInput(f"the moment {moment.isoformat()} needs a time zone, such as +00:00")
