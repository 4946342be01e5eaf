"""Freezes that stand: why an account takes no debits or no credits, each kind by itself.

An account is frozen while one stands. `ledger.account_changes` places and lifts the operator's; the floor
that registered another kind in `ledger.freeze_kind` lifts its own. Posting reads the account's two flags
only, which the database keeps from what stands.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Freeze:
    """What one kind stops. `since`: when it was last ordered as it is, by `actor`."""

    kind: str
    debit: bool
    credit: bool
    actor: str
    reason: str
    since: datetime


@reads_tuples
def standing(connection: Connection, account_id: UUID) -> list[Freeze]:
    """The freezes of an account, by kind."""
    return [Freeze(*row) for row in connection.execute(_queries.standing.sql, {"account": account_id})]


def flags(found: Iterable[Freeze], kind: str | None = None) -> tuple[bool, bool]:
    """Whether these, or those of one kind among them, stop debits and credits."""
    counted = [each for each in found if kind in (None, each.kind)]
    return any(each.debit for each in counted), any(each.credit for each in counted)
