"""The tail of the books: what was posted since the last day total, checked by itself.

What the accounts and funds came to at that total is known (`ledger.totals`); so they must be that and what
was posted since. Reads the transfers, entries and receipts of the tail, and every account once: what a day
costs, however long the history.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Start:
    """The day total after which the tail begins: its number, when it was made, and up to which posting.

    `xact`: the first transaction of the tail. `first`: nothing of the tail is posted before it.
    """

    number: int
    made_at: datetime
    last_posted_at: datetime
    xact: int
    first: datetime


@reads_tuples
def wrong_accounts(connection: Connection, start: Start) -> tuple[list[UUID], list[int]]:
    """Accounts that do not follow from the total and the tail; and parts of the total where something differs
    from it though each account follows from its entries: entries and account were changed alike.
    """
    about = _about(start)
    parts = [part for (part,) in connection.execute(_queries.changed_parts.sql, about)]
    wrong = {account for (account,) in connection.execute(_queries.broken_entries.sql, about)}
    unexplained = []
    if parts:
        found = connection.execute(_queries.unbalanced_in_parts.sql, {"parts": parts}).fetchall()
        wrong.update(account for account, _ in found)
        unexplained = sorted(set(parts) - {part for _, part in found})
    return sorted(wrong), unexplained


@reads_tuples
def wrong_transfers(connection: Connection, start: Start) -> list[UUID]:
    """Transfers of the tail without their two entries or their claim, and entries that no transfer has."""
    return [transfer for (transfer,) in connection.execute(_queries.wrong_transfers.sql, _about(start))]


@reads_tuples
def wrong_receipts(connection: Connection, start: Start) -> list[UUID]:
    """Accounts of funds where receipts and issues do not follow from the total and the tail."""
    return [account for (account,) in connection.execute(_queries.wrong_receipts.sql, _about(start))]


def _about(start: Start) -> dict[str, Any]:
    return {"number": start.number, "xact": start.xact, "first": start.first}
