"""Dead letters: the events that a consumer gave up on, and what came of them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event given up. `redelivered_at`: when it was delivered after all, None while it was not."""

    id: UUID
    consumer: str
    event_id: UUID
    event_type: str
    attempts: int
    reason: str
    failed_at: datetime
    redelivered_at: datetime | None


@reads_tuples
def dead_letters(connection: Connection, *, redelivered: bool = False, limit: int = 1000) -> list[DeadLetter]:
    """The dead letters, oldest first; those delivered after all only if `redelivered`."""
    rows = connection.execute(_queries.dead_letters.sql, {"all": redelivered, "limit": limit})
    return [DeadLetter(*row) for row in rows]


@reads_tuples
def dead_letter(connection: Connection, letter_id: UUID) -> DeadLetter:
    """The dead letter of this id. Raises InvalidInput when there is none."""
    row = connection.execute(_queries.dead_letter.sql, {"id": letter_id}).fetchone()
    if row is None:
        raise InvalidInput(f"there is no dead letter {letter_id}; see `emoney events dead-letters`")
    return DeadLetter(*row)


@all_or_nothing
def note_redelivery(connection: Connection, letter_id: UUID, at: datetime) -> None:
    """Remember that a dead letter was delivered; the first time counts."""
    connection.execute(_queries.note_redelivery.sql, {"id": letter_id, "at": at})
