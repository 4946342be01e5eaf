"""The operator's policy: what e-money is issued against."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples

_queries = queries_beside(__file__)


class Policy(StrEnum):
    """What an issue draws on. Whatever it is, issues on an account never pass what was received there."""

    RECEIPT = "receipt"
    """The receipt that the transfer's reference names."""
    STATEMENT = "statement"
    """The same, once an entry of a bank's statement confirms it."""
    PREFUNDED = "prefunded"
    """All that was received on the account, recorded in advance; references are the operator's own."""


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """A change of the policy: who made it, and why."""

    id: UUID
    policy: Policy
    actor: str
    reason: str
    at: datetime


@reads_tuples
def current(connection: Connection) -> Policy:
    """The policy in force; `receipt` where none was ever set."""
    row = connection.execute(_queries.current.sql).fetchone()
    assert row is not None
    return Policy(row[0])


@reads_tuples
def history(connection: Connection) -> list[PolicyChange]:
    """All changes of the policy, the newest first."""
    return [
        PolicyChange(change_id, Policy(policy), *rest)
        for change_id, policy, *rest in connection.execute(_queries.history.sql)
    ]
