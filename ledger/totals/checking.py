"""Checking the books from the last sealed day total, or from their beginning (`deep`).

From a total: what accounts and funds came to then is taken from it, once it is known to be what was sealed;
what was posted, held and counted since is checked row by row. Without a sealed total, or where anything
about the totals is wrong, everything is read all the same. Deep: everything is read, and every day is
totalled again.
"""

from dataclasses import replace

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.proofs.verifying import PublicKey
from emoney.ledger.reports import trial_balance as balances
from emoney.ledger.reports import verification
from emoney.ledger.reports.tail import Start
from emoney.ledger.reports.trial_balance import TrialBalance
from emoney.ledger.reports.verification import Breach, Observe, Verification
from emoney.ledger.totals import chain

CHECKS = ("totals", *verification.CHECKS)
"""The names of the checks, in their order."""


@reads_tuples
def verify(
    connection: Connection,
    *,
    deep: bool = False,
    key: PublicKey | None = None,
    observe: Observe = lambda _: None,
) -> Verification:
    """Check all that follows from transfers, in one read-only snapshot that the transaction begins with.

    `key`: what must have signed the proof log's checkpoint, where it is known.
    """
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    observe("totals")
    breaches, start = _totals(connection, deep, key)
    found = verification.read(connection, start, observe)
    return replace(found, checks=CHECKS, breaches=(*breaches, *found.breaches))


@reads_tuples
def trial_balance(
    connection: Connection, *, deep: bool = False, key: PublicKey | None = None
) -> TrialBalance:
    """The trial balance in one read-only snapshot that the transaction begins with; see `verify`."""
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    breaches, start = _totals(connection, deep, key)
    found = balances.read(connection, start)
    words = (f"{each.table} {each.key}: {each.rule}" for each in breaches)
    return replace(found, wrong_totals=(*words, *found.wrong_totals))


def _totals(connection: Connection, deep: bool, key: PublicKey | None) -> tuple[list[Breach], Start | None]:
    read = chain.read(connection, key, whole=deep)
    if deep:
        return [*read.breaches, *chain.recompute(connection, read)], None
    start = chain.start(connection, read)
    if start is None and read.totals:
        read.breaches += chain.recompute(connection, read)
    return read.breaches, start
