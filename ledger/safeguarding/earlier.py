"""What earlier reconciliations say of a finding: since when it is there, and whether it was told.

For its age, the last look counts of a day that was looked at several times, and a day that nobody looked at
ends nothing. Looks in another time zone end their days at other moments and are left out.
"""

from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from datetime import date
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus

from emoney.ledger.base import turns
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples

WAIT_S = 600.0

_queries = queries_beside(__file__)

Key = tuple[str, str, UUID | None, int, str | None, date | None]
"""What a finding of a day has in common with the same one of another look: kind, currency, account, amount,
reference and, of single entries, their day."""


@reads_tuples
def begin(connection: Connection) -> None:
    """Begin the connection's transaction, in which all is read from one snapshot: one that holds what every
    reconciliation before it found. Waits for one that is under way, for WAIT_S at most.

    Raises InvalidInput where the transaction had begun, or each statement is one of its own; LockHeld.
    """
    if connection.autocommit or connection.info.transaction_status != TransactionStatus.IDLE:
        raise InvalidInput("a reconciliation is a transaction of its own: give it a connection in none")
    try:
        # held by the session: whoever waits in the transaction that reads, reads what was there before
        turns.take(connection, "ledger.reconciliation", wait_s=WAIT_S, for_session=True)
        connection.commit()
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute(_queries.hold_until_the_end.sql)
    except BaseException:
        with suppress(psycopg.Error):  # of a connection that has ended, whose locks have, too
            connection.rollback()
            connection.execute(_queries.give_up.sql)
            connection.commit()
        raise


@reads_tuples
def found_since(
    connection: Connection, day: date, time_zone: str, kind: str, currency: str, account_id: UUID | None
) -> date:
    """The first day from which a finding of `day` has been there without interruption, whatever its amount:
    `day` itself where the recorded day before is without it, or there is none."""
    row = connection.execute(
        _queries.found_since.sql,
        {"day": day, "time_zone": time_zone, "kind": kind, "currency": currency, "account": account_id},
    ).fetchone()
    assert row is not None
    found: date = row[0]
    return found


@reads_tuples
def told(connection: Connection, day: date, time_zone: str, of_items: Collection[str]) -> Counter[Key]:
    """What the last look at `day` before this one found, and how often. `of_items`: the kinds of which the
    day is part of the key."""
    rows = connection.execute(
        _queries.told.sql, {"day": day, "time_zone": time_zone, "of_items": sorted(of_items)}
    )
    return Counter({tuple(key): times for *key, times in rows})
