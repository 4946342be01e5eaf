"""A dispute as it stands."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from emoney.ledger.base.clock import system_clock
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.ids import Id, as_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples

_queries = queries_beside(__file__)


class UnknownDispute(InvalidInput):
    """An id under which no dispute was opened."""


class DisputeEnded(InvalidInput):
    """A dispute that was upheld or has expired, so it cannot be rejected."""


class DisputeState(StrEnum):
    """Where a dispute stands."""

    OPEN = "open"
    UPHELD = "upheld"
    REJECTED = "rejected"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute as it stands, minor units. `held`: still reserved; `given_back`: what the payer got.

    `transfer_id`, `decided_by`, `reason`, `decided_at`: of its outcome, None while it has none.
    """

    id: UUID
    original_id: UUID
    reason_code: str
    opened_by: str
    opened_at: datetime
    expires_at: datetime
    amount: int
    currency: str
    held: int
    state: DisputeState
    given_back: int
    transfer_id: UUID | None
    decided_by: str | None
    reason: str | None
    decided_at: datetime | None


@reads_tuples
def find(connection: Connection, dispute_id: Id, at: datetime | None = None) -> Dispute:
    """A dispute as it stands, past its deadline or not at this time, or now. Raises UnknownDispute."""
    dispute_id = as_id(dispute_id, "dispute_id")
    row = connection.execute(_queries.find.sql, {"id": dispute_id, "at": at or system_clock()}).fetchone()
    if row is None:
        raise UnknownDispute(f"there is no dispute {dispute_id}")
    return _dispute(row)


@reads_tuples
def of_transfer(connection: Connection, original_id: UUID, at: datetime | None = None) -> list[Dispute]:
    """All disputes of a transfer, oldest first, as `find` has them."""
    asked = {"original": original_id, "at": at or system_clock()}
    return [_dispute(row) for row in connection.execute(_queries.of_transfer.sql, asked)]


def _dispute(row: tuple[Any, ...]) -> Dispute:
    return Dispute(*(*row[:9], DisputeState(row[9]), *row[10:]))
