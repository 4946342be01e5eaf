"""All consumers and how they fare, for an operator who looks after them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class ConsumerState:
    """A consumer. `failing`: the event it stands at, tried `attempts` times and due again at `retry_at`."""

    name: str
    created_at: datetime
    acknowledged_at: datetime | None
    failing: UUID | None
    attempts: int
    reason: str | None
    retry_at: datetime | None


@reads_tuples
def consumers(connection: Connection) -> list[ConsumerState]:
    """All consumers, by name."""
    return [ConsumerState(*row) for row in connection.execute(_queries.consumers.sql)]
