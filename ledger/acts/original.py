"""The transfer that is to be given back, in full or in part."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emoney.ledger.base.errors import InvalidInput, UnknownTransfer
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.posting.decide import LEDGER_RULE
from emoney.ledger.transfers.operations import GIVES_BACK, Operation
from emoney.ledger.transfers.transfer import Refusal

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Original:
    """What of a posted transfer its giving back follows from.

    `given_back`: of its amount, so far. `disputed`: what open disputes hold of it, and `disputed_until`: when
    the first of these expires.
    """

    debit_account: UUID
    credit_account: UUID
    amount: int
    currency: str
    operation: Operation
    given_back: int = 0
    disputed: int = 0
    disputed_until: datetime | None = None

    @property
    def left(self) -> int:
        """What can still be given back, minor units."""
        return self.amount - self.given_back

    @property
    def undisputed(self) -> int:
        """What of that no open dispute holds. A refund may have left less than they do."""
        return max(0, self.left - self.disputed)

    def beyond(self, left: int) -> Refusal:
        """The refusal of giving back more than is `left` of it."""
        return Refusal("original.amount", "deny", LEDGER_RULE, self.amount, self.amount - left, left)


@reads_tuples
def find_all(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, Original]:
    """The transfers of these ids. Raises UnknownTransfer; InvalidInput for one that gives back."""
    asked = list(ids)
    rows = connection.execute(_queries.find.sql, {"ids": asked}).fetchall() if asked else []
    found = {
        id_: Original(debit, credit, amount, currency, Operation(operation), *state)
        for id_, debit, credit, amount, currency, operation, *state in rows
    }
    for each in asked:
        if each not in found:
            raise UnknownTransfer(f"there is no transfer {each}")
        check_given_back(each, found[each].operation)
    return found


def check_given_back(original_id: UUID, operation: Operation) -> None:
    """Raise InvalidInput for a transfer that gives back another one."""
    if operation in GIVES_BACK:
        raise InvalidInput(f"transfer {original_id} gives back another one and is itself not given back")
