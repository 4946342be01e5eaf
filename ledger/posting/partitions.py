"""Partitions: claims, transfers and entries lie by month (UTC), so that posting stays quick as history grows.

Those of the months to come are made by a job; posting at a moment that has none makes it and goes on. Who
posts waits for a new one no longer than for the moment it is attached.

Claims of months long past can be retired: taken out of the ledger, to be kept elsewhere. An id that tells a
time there is then refused (IdRetired), whether it was used or not, so that nothing is posted twice; ids that
tell no time, such as a Key's, are known for ever.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from psycopg import sql

from emoney.ledger.base import turns
from emoney.ledger.base.errors import IdRetired, InvalidInput, Unavailable
from emoney.ledger.base.postgres.database import DEFAULT, Connection, owners_connection
from emoney.ledger.base.postgres.pool import PoolOptions
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples

MONTHS_AHEAD = 3

_MISSING = "no partition of relation"
_RETIRED = "claim_retired"

_queries = queries_beside(__file__)


class PartitionMissing(Unavailable):
    """There is no partition yet for the month of `at`. Nothing was written."""

    def __init__(self, at: datetime) -> None:
        super().__init__(
            f"There is no partition for {at:%Y-%m} yet: run the job `partitions`. Nothing was written; "
            "a retry with the same ids is safe."
        )
        self.at = at


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of `table`. `name`: its own, in the schema ledger. `rows`: about how many, as PostgreSQL
    last counted; `size`: bytes, indexes included."""

    table: str
    name: str
    rows: int
    size: int


@reads_tuples
def partitions(connection: Connection) -> list[Partition]:
    """All that there are, by table and in order of time."""
    return [Partition(*row) for row in connection.execute(_queries.partitions.sql)]


@reads_tuples
def make(connection: Connection, first: datetime, months: int = 1) -> int:
    """Make the partitions of `months` months, 1 to 36, from that of `first` on; how many were missing.

    Raises LockHeld.
    """
    turns.take(connection, "ledger.make_partitions")
    row = connection.execute("SELECT ledger.make_partitions_v1(%s, %s)", (first, months)).fetchone()
    return row[0] if row else 0


def retire_claims(url: str, before: datetime, pool: PoolOptions = DEFAULT) -> list[str]:
    """Retire the claims of ids that tell a time before the month of `before` (UTC); gives the tables that
    have them now, in the schema ledger and nothing of the ledger's any more: keep them elsewhere, then drop.

    `url`: of the database's owner, ConfigurationError for any other. Raises InvalidInput where `before` has
    no time zone, or is later than the third whole month before this one. Looks through these claims, which
    nobody waits for, and then detaches them, which postings do for a moment. There is no way back.
    """
    if before.tzinfo is None:
        raise InvalidInput("claims are retired before a moment with a time zone, such as +00:00")
    denied = "claims are retired by the owner of the database alone"
    with owners_connection(url, denied, pool) as connection:
        connection.autocommit = True
        try:
            for name, valid in connection.execute(
                _queries.retirable.sql, {"before": f"claim_{before.astimezone(UTC):%Y_%m}"}
            ).fetchall():
                _index_kept(connection, name, valid=valid)
            return [row[0] for row in connection.execute(_queries.retire_claims.sql, {"before": before})]
        except psycopg.errors.InvalidParameterValue as error:
            raise InvalidInput(f"{error.diag.message_primary}; nothing was retired") from error
        except psycopg.errors.LockNotAvailable as error:
            raise Unavailable(
                "The claims are in use by something long: nothing was retired; do it again"
            ) from error


def _index_kept(connection: Connection, name: str, *, valid: bool | None) -> None:
    """Index what is kept of a table. `valid`: whether there is such an index; None for none."""
    index = sql.Identifier(f"{name}_kept")
    if valid is False:  # it was interrupted
        connection.execute(sql.SQL("DROP INDEX CONCURRENTLY ledger.{}").format(index))
    if not valid:
        connection.execute(
            sql.SQL("CREATE INDEX CONCURRENTLY {} ON ledger.{} (id) WHERE NOT ledger.tells_time(id)").format(
                index, sql.Identifier(name)
            )
        )


def raise_if_missing(error: psycopg.Error, at: datetime) -> None:
    """Raise PartitionMissing when this is what the database refused a posting at `at` for."""
    if isinstance(error, psycopg.errors.CheckViolation) and _MISSING in (error.diag.message_primary or ""):
        raise PartitionMissing(at) from error


def raise_if_retired(error: psycopg.Error) -> None:
    """Raise IdRetired when this is what the database refused a claim for."""
    if error.diag.constraint_name == _RETIRED:
        raise IdRetired(
            "An id tells a time whose ids are retired: whether it was used is no longer known, so it is not "
            "taken. Nothing was written"
        ) from error


@contextmanager
def claiming() -> Iterator[None]:
    """Around what claims ids: raises IdRetired for those that are."""
    try:
        yield
    except psycopg.errors.CheckViolation as error:
        raise_if_retired(error)
        raise
