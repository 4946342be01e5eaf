"""Partitions: transfers and entries lie by month (UTC), so that posting stays as quick as history grows.

Those of the months to come are made by a job; posting at a moment that has none makes it and goes on. Who
posts waits for a new one no longer than for the moment it is attached.
"""

from datetime import datetime

import psycopg

from emoney.ledger.base import turns
from emoney.ledger.base.errors import Unavailable
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.tuples import reads_tuples

MONTHS_AHEAD = 3

_MISSING = "no partition of relation"


class PartitionMissing(Unavailable):
    """There is no partition yet for the month of `at`. Nothing was written."""

    def __init__(self, at: datetime) -> None:
        super().__init__(
            f"There is no partition for {at:%Y-%m} yet: run the job `partitions`. Nothing was written; "
            "a retry with the same ids is safe."
        )
        self.at = at


@reads_tuples
def make(connection: Connection, first: datetime, months: int = 1) -> int:
    """Make the partitions of `months` months, 1 to 36, from that of `first` on; how many were missing.

    Raises LockHeld.
    """
    turns.take(connection, "ledger.make_partitions")
    row = connection.execute("SELECT ledger.make_partitions_v1(%s, %s)", (first, months)).fetchone()
    return row[0] if row else 0


def raise_if_missing(error: psycopg.Error, at: datetime) -> None:
    """Raise PartitionMissing when this is what the database refused a posting at `at` for."""
    if isinstance(error, psycopg.errors.CheckViolation) and _MISSING in (error.diag.message_primary or ""):
        raise PartitionMissing(at) from error
