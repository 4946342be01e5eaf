"""What the running system shows of itself: counts, keys, openings, and the guards the database really has."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import sql
from sqlalchemy import MetaData

from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.postgres.database import APPLICATION_ROLE, Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.assessment.inventory import unmapped
from emoney.privacy.search import leakage
from emoney.privacy.search.leakage import Leakage

_queries = queries_beside(__file__)

EXACT_ROWS_MAX = 200_000


@dataclass(frozen=True, slots=True)
class TableFacts:
    """One table: how full it is, and what the application's role may do to it.

    `rows` is an estimate of the server where `exact` is false, and unknown where the role may not read.
    """

    name: str
    rows: int | None
    exact: bool
    append_only: bool
    may_update: bool
    may_delete: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts that an assessment is made from. Holds counts and names, no content."""

    taken_at: datetime
    server_version: str
    tables: tuple[TableFacts, ...]
    keys_by_state: dict[str, int]
    keks: int
    openings_by_purpose: dict[str, int]
    opening_actors: int
    first_opening: datetime | None
    last_opening: datetime | None
    unmapped: tuple[str, ...]
    """Columns the database has that no table of the packages maps, so that nothing declares them."""
    role_is_plain: bool
    """The application's role is no superuser, owns none of the tables and may not bypass row security."""
    indexes: tuple[Leakage, ...] = ()
    """What each blind index tells one who has it but not its key, as last measured."""

    def table(self, name: str) -> TableFacts | None:
        """The facts of `schema.table`, when the database has it."""
        return next((table for table in self.tables if table.name == name), None)


@reads_tuples
def collect(connection: Connection, metadata: MetaData, clock: Clock = system_clock) -> Facts:
    """Read the facts of a database, in one transaction of the caller's.

    Tables above 200,000 rows by the server's own estimate are not counted row by row.
    """
    names = sorted(f"{table.schema or 'public'}.{table.name}" for table in metadata.tables.values())
    rows = connection.execute(_queries.tables.sql, {"names": names, "role": APPLICATION_ROLE}).fetchall()
    tables = []
    for name, estimate, may_read, append_only, may_update, may_delete in rows:
        exact = bool(may_read) and estimate <= EXACT_ROWS_MAX
        count: int | None = int(estimate) if may_read else None
        if exact:
            table = sql.Identifier(*name.split("."))
            counted = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(table)).fetchone()
            count = counted[0] if counted else None
        tables.append(TableFacts(name, count, exact, append_only, may_update, may_delete))
    keys = connection.execute(_queries.keys_by_state.sql).fetchall()
    openings = connection.execute(_queries.openings_by_purpose.sql).fetchall()
    summary = connection.execute(_queries.summary.sql, {"role": APPLICATION_ROLE}).fetchone()
    assert summary is not None
    return Facts(
        taken_at=clock(),
        server_version=str(connection.info.parameter_status("server_version") or "unknown").split(" ")[0],
        tables=tuple(tables),
        keys_by_state=dict(keys),
        openings_by_purpose=dict(openings),
        keks=summary[0],
        opening_actors=summary[1],
        first_opening=summary[2],
        last_opening=summary[3],
        unmapped=tuple(unmapped(connection, metadata)),
        role_is_plain=bool(summary[4]),
        indexes=tuple(leakage.newest(connection)),
    )
