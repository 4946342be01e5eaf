"""The key inventory: how many keys of each kind stand in each state, and how many are due for rotation."""

from datetime import datetime
from typing import NamedTuple

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples

_queries = queries_beside(__file__)


class States(NamedTuple):
    """Keys of one kind in one state. `due`: those past the time in which they protect what is new."""

    kind: str
    state: str
    keys: int
    due: int


@reads_tuples
def states(connection: Connection, now: datetime) -> list[States]:
    """Subject keys and index keys by state. Key-encryption keys: `keks.listed`."""
    return [States(*row) for row in connection.execute(_queries.states.sql, {"now": now})]
