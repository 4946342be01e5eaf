"""Statements: what happened on an account, entry by entry, each with the balance after it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ledger.database import Connection
from ledger.operations import Operation
from ledger.queries import queries_beside

PAGE_MAX = 1000

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One entry. `change`: minor units, positive when it raised the balance; `balance`: after it."""

    version: int
    posted_at: datetime
    effective_at: datetime
    operation: Operation
    reference: str | None
    transfer_id: UUID
    change: int
    balance: int
    counterparty: str


def page(
    connection: Connection, account_id: UUID, *, after: int = 0, limit: int = PAGE_MAX
) -> list[StatementLine]:
    """Up to `limit` lines after version `after`, oldest first. The next page starts after the last."""
    rows = connection.execute(
        _queries.page.sql, {"account": account_id, "after": after, "limit": min(limit, PAGE_MAX)}
    )
    return [
        StatementLine(
            version, posted, effective, Operation(operation), reference, transfer, change, balance, other
        )
        for version, posted, effective, operation, reference, transfer, change, balance, other in rows
    ]


def lines(connection: Connection, account_id: UUID) -> Iterator[StatementLine]:
    """All lines of an account, oldest first, read page by page."""
    after = 0
    while batch := page(connection, account_id, after=after):
        yield from batch
        after = batch[-1].version
