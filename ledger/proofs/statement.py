"""A statement that carries its proofs: for each entry the transfer it is a side of, and its place in the log.

Whoever has the file and the log's public key checks it offline (`verifying`): that each entry is a side of a
transfer in the log, with its amount, time, version and balance, and that none is missing between the first
and the last. What was posted before and after the period is shown only where it is asked for: the entry on
either side, which proves that the period has no others.
"""

import json
from datetime import UTC
from itertools import islice
from typing import Any, TextIO
from uuid import UUID

from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.progress import Progress, silent
from emoney.ledger.proofs.errors import NotSealed
from emoney.ledger.proofs.proving import Prover
from emoney.ledger.proofs.verifying import STATEMENT
from emoney.ledger.reports.statements import PAGE_MAX, Statement, page

ENTRIES_MAX = 100_000


def write_proved(
    connection: Connection,
    statement: Statement,
    stream: TextIO,
    *,
    around: bool = False,
    progress: Progress = silent,
) -> None:
    """Write `statement` with a proof of every entry to `stream`, as the JSON that `verifying.verify` takes.

    Amounts and balances are minor units. `around`: also the entries just before and after the period, which
    tell their counterparties and amounts, too. A page of entries in memory; `progress` is told the entries
    written, and of how many. Raises InvalidInput beyond ENTRIES_MAX entries, NotSealed when an entry is not
    under a checkpoint yet, LogDamaged when one was altered.
    """
    if statement.line_count > ENTRIES_MAX:
        raise InvalidInput(
            f"the period has {statement.line_count} entries; one with at most {ENTRIES_MAX} can carry proofs"
        )
    prover = Prover(connection)
    account = statement.account
    header: dict[str, Any] = {
        "format": STATEMENT,
        "statement": {
            "account": str(account.id),
            "external_ref": account.external_ref,
            "currency": account.currency,
            "from": statement.start.astimezone(UTC).isoformat(),
            "to": statement.end.astimezone(UTC).isoformat(),
            "opening": {"version": statement.opening.version, "balance": statement.opening.balance},
            "closing": {"version": statement.closing.version, "balance": statement.closing.balance},
        },
        "checkpoint": prover.checkpoint,
    }
    if around:
        header["around"] = _around(connection, statement, prover)
    stream.write(json.dumps(header, indent=1)[:-2])
    stream.write(',\n "leaves": [')
    lines, comma, done = statement.lines(connection), "\n", 0
    while ids := [line.transfer_id for line in islice(lines, PAGE_MAX)]:
        for leaf in _sealed(prover, ids):
            stream.write(f"{comma}  {json.dumps(leaf)}")
            comma = ",\n"
        done += len(ids)
        progress("proving", done, statement.line_count)
    stream.write("\n ]\n}\n")


def _around(connection: Connection, statement: Statement, prover: Prover) -> dict[str, Any]:
    """The leaves of the entries just before and after the period; None where there is none."""
    opening, closing, account = statement.opening.version, statement.closing.version, statement.account.id
    found = {
        "before": page(connection, account, after=opening - 1, until=opening, limit=1),
        "after": page(connection, account, after=closing, until=closing + 1, since=statement.end, limit=1),
    }
    return {
        name: _sealed(prover, [lines[0].transfer_id])[0] if lines else None for name, lines in found.items()
    }


def _sealed(prover: Prover, transfers: list[UUID]) -> list[dict[str, Any]]:
    made = prover.prove(transfers, only="transfer")
    if made.unsealed:
        raise NotSealed(f"transfer {made.unsealed[0]} is not in the log yet: run `emoney proof seal`")
    return made.leaves
