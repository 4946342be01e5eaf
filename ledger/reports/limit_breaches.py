"""Limits that were passed: each window in which a wallet moved more than its profile allowed, and by what.

Everything that a wallet moved is gone through again in its order, from the transfers, holds and reversals
themselves: what it had moved in the window of a rule when each was posted, under the profile that it was
under then (`ledger.account_change`). Nothing that is kept about limits is believed.

Not every wallet is: first those are found that may have passed a limit, by the sums of what they moved;
of the tail after a day total by their counters, which are checked apart (`verification`).
"""

from collections.abc import Iterator
from uuid import UUID

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.reports.tail import Start

_queries = queries_beside(__file__)

Passed = tuple[UUID, str, int, int, UUID]
"""A wallet, the rule's id and the day, what it allows, what was reached, and what passed the limit first."""


@reads_tuples
def passed(connection: Connection, start: Start | None) -> Iterator[Passed]:
    """Every limit that was passed, or by what was posted and held after `start`, the oldest first."""
    if start is None:
        found = connection.execute(_queries.suspects_of_all.sql)
    else:
        found = connection.execute(_queries.suspects.sql, {"xact": start.xact, "first": start.first})
    if suspects := [account for (account,) in found]:
        asked = {"accounts": suspects, "xact": 0 if start is None else start.xact}
        for row in connection.execute(_queries.passed.sql, asked):
            yield row[0], row[1], row[2], row[3], row[4]
