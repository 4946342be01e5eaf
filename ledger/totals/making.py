"""Making a day total: once a day, by a job.

The database makes it, in one statement, from the transfers of the transactions that have ended since the
last one. What is still under way goes into the next; no posting waits. It becomes a leaf of the proof log
when that is sealed next. Cost: the day's transfers, and every account once.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg.errors import IntegrityConstraintViolation

from emoney.ledger.base import turns
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.progress import Progress, silent
from emoney.ledger.totals.errors import TotalsDamaged

_queries = queries_beside(__file__)
_CONSTRAINT = "day_total_follows"


@dataclass(frozen=True, slots=True)
class DayTotal:
    """A day total. `transfers`: how many it has, posted between the two times."""

    number: int
    transfers: int
    first_posted_at: datetime
    last_posted_at: datetime


def make(database: Database, *, progress: Progress = silent) -> DayTotal | None:
    """Total what was posted since the last day total; None where nothing was.

    `progress` is told the transfers to total, and when they are. Raises TotalsDamaged where what accounts
    came to at the last total is not what they came to now without what was posted since, or where the
    server's transaction numbers start again below it (a database restored from a dump): nothing is totalled
    then.
    """
    if progress is not silent:
        with database.connection() as connection:
            (waiting,) = connection.execute(_queries.waiting.sql).fetchone() or (0,)
        progress("adding up", 0, waiting)
    with database.connection() as connection:
        turns.take(connection, "ledger.day_total")
        try:
            (number,) = connection.execute(_queries.make.sql).fetchone() or (None,)
        except IntegrityConstraintViolation as error:
            if error.diag.constraint_name != _CONSTRAINT:
                raise
            raise TotalsDamaged(
                f"No day total was made ({error.diag.message_primary}); `emoney verify` says more."
            ) from error
        row = connection.execute(_queries.find.sql, {"number": number}).fetchone()
    made = None if row is None else DayTotal(*row)
    if made is not None:
        progress("adding up", made.transfers, made.transfers)
    return made
