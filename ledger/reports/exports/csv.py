"""A statement as CSV: a header, one row per entry, amounts in the currency's own units."""

import csv
from typing import TextIO

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.reports.statements import EffectiveStatement, Statement
from emoney.ledger.transfers.money import to_decimal

COLUMNS = (
    "version",
    "posted_at",
    "effective_at",
    "operation",
    "reference",
    "transfer",
    "counterparty",
    "change",
    "balance",
    "currency",
)


def write_csv(connection: Connection, statement: Statement | EffectiveStatement, out: TextIO) -> int:
    """Write the statement's entries to `out` in its order; returns how many. Memory: one page of entries.

    Times are ISO 8601, amounts decimal with a point, text quoted where needed (RFC 4180, but with `\\n`).
    """
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    currency = statement.account.currency
    count = 0
    for line in statement.lines(connection):
        writer.writerow(
            (
                line.version,
                line.posted_at.isoformat(),
                line.effective_at.isoformat(),
                line.operation.value,
                line.reference or "",
                line.transfer_id,
                line.counterparty,
                to_decimal(line.change, currency),
                to_decimal(line.balance, currency),
                currency,
            )
        )
        count += 1
    return count
