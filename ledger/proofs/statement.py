"""A statement that carries its proofs: for each entry the transfer it is a side of, and its place in the log.

Whoever has the file and the log's public key checks it offline (`verifying`): that each entry is a side of a
transfer in the log, with its amount, time, version and balance, and that none is missing between the first
and the last. What was posted before and after the period is not shown, for it is not asked for.
"""

import json
from collections.abc import Callable
from datetime import UTC
from itertools import islice
from typing import TextIO

from ledger.database import Connection
from ledger.errors import InvalidInput
from ledger.proofs.errors import NotSealed
from ledger.proofs.proving import Prover
from ledger.proofs.verifying import STATEMENT
from ledger.statements import PAGE_MAX, Statement

ENTRIES_MAX = 100_000


def write_proved(
    connection: Connection,
    statement: Statement,
    stream: TextIO,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `statement` with a proof of every entry to `stream`, as the JSON that `verifying.verify` takes.

    Amounts and balances are minor units. A page of entries in memory; `progress` is told the entries written,
    and of how many. Raises InvalidInput beyond ENTRIES_MAX
    entries, NotSealed when an entry is not under a checkpoint yet, LogDamaged when one was altered.
    """
    if statement.line_count > ENTRIES_MAX:
        raise InvalidInput(
            f"the period has {statement.line_count} entries; one with at most {ENTRIES_MAX} can carry proofs"
        )
    prover = Prover(connection)
    account = statement.account
    header = {
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
    stream.write(json.dumps(header, indent=1)[:-2])
    stream.write(',\n "leaves": [')
    lines, comma, done = statement.lines(connection), "\n", 0
    while page := [line.transfer_id for line in islice(lines, PAGE_MAX)]:
        made = prover.prove(page, only="transfer")
        if made.unsealed:
            raise NotSealed(f"transfer {made.unsealed[0]} is not in the log yet: run `emoney proof seal`")
        for leaf in made.leaves:
            stream.write(f"{comma}  {json.dumps(leaf)}")
            comma = ",\n"
        done += len(page)
        if progress:
            progress(done, statement.line_count)
    stream.write("\n ]\n}\n")
