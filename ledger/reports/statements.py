"""Statements: what happened on an account, entry by entry, each with the balance after it.

A statement of a period lists what was **posted** in it: the opening balance, the entries, the closing
balance. Its bounds are found as positions (`ledger.reports.as_of`) and its lines read by pages of a key, so
that a statement of any length takes the memory of one page, and a period that is over reads the same at every
time.

A statement by **effective time** lists what counts in the period, whenever it was posted, each entry with the
balance in that order; a backdated transfer changes it until its period is closed. It reads all the account's
entries, which lie in the order of posting, and takes the memory of one page, too.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from emoney.ledger.accounts.account import Account
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.reports import as_of
from emoney.ledger.transfers.operations import Operation

PAGE_MAX = 1000
_LAST_VERSION = 2**63 - 1
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One entry. `change`: minor units, positive when it raised the balance; `balance`: after it.

    `counterparty`: the other account's external reference, or its id where it has none.
    """

    version: int
    posted_at: datetime
    effective_at: datetime
    operation: Operation
    reference: str | None
    transfer_id: UUID
    change: int
    balance: int
    counterparty: str
    counterparty_id: UUID


@dataclass(frozen=True, slots=True)
class Statement:
    """An account's period `[start, end)` by posting time. `opening` and `closing`: its positions there."""

    account: Account
    start: datetime
    end: datetime
    opening: as_of.Position
    closing: as_of.Position

    @property
    def line_count(self) -> int:
        """How many entries the period has."""
        return self.closing.version - self.opening.version

    @reads_tuples
    def lines(self, connection: Connection) -> Iterator[StatementLine]:
        """The period's entries, oldest first, read page by page."""
        return lines(
            connection,
            self.account.id,
            after=self.opening.version,
            until=self.closing.version,
            since=self.start,
        )


@dataclass(frozen=True, slots=True)
class EffectiveStatement:
    """An account's period `[start, end)` by effective time, as of its entry `until`.

    `opening`, `closing`: the balances by effective time there, minor units. `line_count`: its entries.
    """

    account: Account
    start: datetime
    end: datetime
    until: int
    opening: int
    closing: int
    line_count: int

    @reads_tuples
    def lines(self, connection: Connection, *, after: int = 0) -> Generator[StatementLine, None, None]:
        """The period's entries after that of version `after`, in order of effective time, then of posting.

        `connection` is in a transaction; read them all, or close the iterator, before that ends. Raises
        InvalidInput for a version that the account has not.
        """
        if not 0 <= after <= self.until:
            raise InvalidInput(f"account {self.account.id} has entries up to {self.until}, none of {after}")
        with connection.cursor(name="effective_lines") as cursor:
            cursor.itersize = PAGE_MAX
            cursor.execute(
                _queries.effective_lines.sql,
                {
                    "account": self.account.id,
                    "start": self.start,
                    "end": self.end,
                    "until": self.until,
                    "after": after,
                    "opening": self.opening,
                },
            )
            yield from map(_line, cursor)


def between(connection: Connection, account: Account, start: datetime, end: datetime) -> Statement:
    """The statement of what was posted on `account` from `start` up to, but not including, `end`.

    Raises InvalidInput when the period ends before it starts or a moment has no time zone.
    """
    _check_period(start, end)
    opening = as_of.position(connection, account.id, as_of.just_before(start))
    closing = as_of.position(connection, account.id, as_of.just_before(end))
    return Statement(account, start, end, opening, closing)


@reads_tuples
def effective_between(
    connection: Connection, account: Account, start: datetime, end: datetime
) -> EffectiveStatement:
    """The statement of what is effective on `account` from `start` up to, but not including, `end`.

    Errors as `between`.
    """
    _check_period(start, end)
    moments = [as_of.just_before(start), as_of.just_before(end)]
    opening, closing = as_of.effective_by(connection, account.id, moments)
    lines = closing.entries - opening.entries
    return EffectiveStatement(account, start, end, closing.until, opening.balance, closing.balance, lines)


def _check_period(start: datetime, end: datetime) -> None:
    if start.tzinfo is None or end.tzinfo is None:
        raise InvalidInput("a statement's period needs moments with a time zone, such as +00:00")
    if end < start:
        raise InvalidInput(f"the period ends at {end.isoformat()}, before it starts at {start.isoformat()}")


@reads_tuples
def page(
    connection: Connection,
    account_id: UUID,
    *,
    after: int = 0,
    until: int = _LAST_VERSION,
    since: datetime = _BEGINNING,
    limit: int = PAGE_MAX,
) -> list[StatementLine]:
    """Up to `limit` lines after version `after` and up to `until`, oldest first.

    The next page starts after the last line's version. `since`: a moment that no line asked for was posted
    before, such as the last line's of the page before: where in the key to begin.
    """
    rows = connection.execute(
        _queries.page.sql,
        {
            "account": account_id,
            "after": after,
            "until": until,
            "since": since,
            "limit": min(limit, PAGE_MAX),
        },
    )
    return [_line(row) for row in rows]


def _line(row: tuple[Any, ...]) -> StatementLine:
    version, posted, effective, operation, *rest = row
    return StatementLine(version, posted, effective, Operation(operation), *rest)


@reads_tuples
def lines(
    connection: Connection,
    account_id: UUID,
    *,
    after: int = 0,
    until: int = _LAST_VERSION,
    since: datetime = _BEGINNING,
) -> Iterator[StatementLine]:
    """The lines of an account after version `after` and up to `until`, oldest first, read page by page."""
    while batch := page(connection, account_id, after=after, until=until, since=since):
        yield from batch
        after, since = batch[-1].version, batch[-1].posted_at
