"""Work that one process does at a time: sealing, extraction, a migration. A turn that does not come is told.

The locks are advisory: whoever may log in can hold one, a reader too, and work that waits for it in silence
is work that nobody misses. So a wait has an end, and the error names the login and the process in its way.
"""

import time
from typing import NamedTuple

from emoney.ledger.base.errors import LockHeld
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples

WAIT_S = 60.0
PAUSE_S = 0.05

_queries = queries_beside(__file__)


class Holder(NamedTuple):
    """Who is in the way: a login, and its server process, which `pg_terminate_backend` ends."""

    login: str
    process: int


@reads_tuples
def take(
    connection: Connection, work: str, *, wait_s: float | None = None, for_session: bool = False
) -> None:
    """Be the only one at this work until the transaction ends; `for_session`: until `give_back`.

    Waits `wait_s` seconds at most, WAIT_S by default. Raises LockHeld. The transaction goes on either way.
    """
    until = time.monotonic() + (WAIT_S if wait_s is None else wait_s)
    attempt = _queries.for_session if for_session else _queries.for_transaction
    while connection.execute(attempt.sql, {"work": work}).fetchone() != (True,):
        if time.monotonic() >= until:
            found = connection.execute(_queries.holder.sql, {"work": work}).fetchone()
            who = (
                f"the login {found[0]} (server process {found[1]}) holds its lock" if found else "it is busy"
            )
            raise LockHeld(
                f"The turn of {work} did not come: {who}. Nothing was done; try again, or have an "
                "administrator end that process."
            )
        time.sleep(PAUSE_S)


@reads_tuples
def give_back(connection: Connection, work: str) -> None:
    """Let the next one be at this work, that was taken for the session."""
    connection.execute(_queries.give_back.sql, {"work": work})


@reads_tuples
def holder_of(connection: Connection, transaction: int) -> Holder | None:
    """Whose a running transaction is, by its id with its epoch; None when it has ended, or waits for a second
    phase."""
    found = connection.execute(_queries.of_transaction.sql, {"transaction": transaction}).fetchone()
    return Holder(*found) if found else None
