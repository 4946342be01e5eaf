"""A hold: what is asked for, and how it stands."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emoney.ledger.base.errors import InvalidInput, UnknownHold
from emoney.ledger.base.ids import Id, Key, as_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.transfers.money import Amount
from emoney.ledger.transfers.operations import GIVES_BACK, Operation
from emoney.ledger.transfers.transfer import Transfer

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True, init=False)
class Hold:
    """A request to reserve `amount` minor units until `expires_at`, for a transfer of `operation`.

    `key`: the text of the Key that was given as its id.
    """

    id: UUID
    debit_account: UUID
    credit_account: UUID
    amount: int
    currency: str
    operation: Operation
    expires_at: datetime
    reference: str | None = None
    key: str | None = None

    def __init__(
        self,
        id: Id,
        debit_account: Id,
        credit_account: Id,
        amount: Amount,
        currency: str,
        operation: Operation,
        expires_at: datetime,
        reference: str | None = None,
        key: str | None = None,
    ) -> None:
        """Ids may be the texts of UUIDs or Keys; the amount, major units as a Decimal or Money. Errors as
        `Transfer`."""
        asked = Transfer(
            id, debit_account, credit_account, amount, currency, operation, reference=reference, key=key
        )
        if not isinstance(expires_at, datetime):
            raise InvalidInput(f"hold {asked.id}: expires_at is to be a datetime")
        for name in ("id", "debit_account", "credit_account", "amount", "currency", "operation"):
            object.__setattr__(self, name, getattr(asked, name))
        object.__setattr__(self, "expires_at", expires_at)
        object.__setattr__(self, "reference", reference)
        object.__setattr__(self, "key", asked.key)

    @property
    def disputes(self) -> bool:
        """Whether it is a dispute's."""
        return self.operation in GIVES_BACK

    def as_request(self) -> Transfer:
        """The transfer that all of the hold is for, under its own id."""
        return self.as_transfer(self.id if self.key is None else Key(self.key), self.amount)

    def as_transfer(self, transfer_id: Id, amount: int) -> Transfer:
        """The transfer that captures `amount` of the hold."""
        return Transfer(
            transfer_id,
            self.debit_account,
            self.credit_account,
            amount,
            self.currency,
            self.operation,
            self.reference,
        )


@dataclass(frozen=True, slots=True)
class PlacedHold:
    """A hold as it stands: `remaining` is still reserved, `captured` was moved, of which `returned` was given
    back; minor units. `last_event`: what became of it last, None while nothing has. `original_id`: of a
    dispute's, the transfer that is disputed."""

    hold: Hold
    placed_at: datetime
    remaining: int
    captured: int
    returned: int
    events: int
    last_event: str | None = None
    original_id: UUID | None = None


def find(connection: Connection, hold_id: Id) -> PlacedHold:
    """A hold as it stands. Raises UnknownHold."""
    hold_id = as_id(hold_id, "hold_id")
    found = find_all(connection, [hold_id])
    if hold_id not in found:
        raise UnknownHold(f"there is no hold {hold_id}")
    return found[hold_id]


@reads_tuples
def find_all(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, PlacedHold]:
    """Holds as they stand, without those of ids that no hold has."""
    asked = list(ids)
    found: dict[UUID, PlacedHold] = {}
    for row in connection.execute(_queries.find.sql, {"ids": asked}) if asked else ():
        id_, debit, credit, amount, currency, operation, reference, placed_at, expires_at, key, *state = row
        hold = Hold(id_, debit, credit, amount, currency, Operation(operation), expires_at, reference, key)
        found[id_] = PlacedHold(hold, placed_at, *state)
    return found
