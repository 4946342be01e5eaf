"""What the posting decides by: how much may still be issued on an account of funds, and on which receipts.

Read under the account's lock, which covers its receipts: nobody else issues, records or withdraws meanwhile.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.receipts.policy import Policy, current
from emoney.ledger.transfers.operations import Operation

_queries = queries_beside(__file__)
_OPENING, _ISSUE = "opening", "issue"

RECEIPT_AMOUNT = "receipt.amount"
"""The rule of an issue beyond what was received."""


@dataclass(slots=True)
class Drawn:
    """What was received and what of it is issued, minor units."""

    received: int = 0
    drawn: int = 0
    confirmed: bool = False

    @property
    def left(self) -> int:
        """What may still be issued."""
        return self.received - self.drawn


class Short(NamedTuple):
    """Why an issue is not covered: the rule and, where it is an amount, its numbers in minor units."""

    rule: str
    limit: int | None = None
    used: int | None = None
    headroom: int | None = None


@dataclass(slots=True)
class Funding:
    """An account of funds, as the decisions so far leave it.

    `sums`: of all its receipts, by their purpose. `named`: the receipts that a batch names, by reference.
    """

    policy: Policy
    sums: dict[str, Drawn] = field(default_factory=dict)
    named: dict[str, Drawn] = field(default_factory=dict)

    def short(self, operation: Operation, reference: str | None, amount: int) -> Short | None:
        """Why `amount` cannot be issued, or None where it can."""
        if (receipt := self._named(operation, reference)) is not None:
            if not receipt.received:
                return Short("receipt.unknown")
            if self.policy is Policy.STATEMENT and not receipt.confirmed:
                return Short("receipt.unconfirmed")
        total = self._sum(operation)
        if not total.received:
            return Short("receipt.unknown")
        for drawn in (receipt, total):
            if drawn is not None and amount > drawn.left:
                return Short(RECEIPT_AMOUNT, drawn.received, drawn.drawn, max(0, drawn.left))
        return None

    def draw(self, operation: Operation, reference: str | None, amount: int) -> None:
        """Count `amount` as issued; a negative one takes that back."""
        self._sum(operation).drawn += amount
        if (receipt := self._named(operation, reference)) is not None:
            receipt.drawn += amount

    def _sum(self, operation: Operation) -> Drawn:
        return self.sums.setdefault(_OPENING if operation is Operation.OPENING else _ISSUE, Drawn())

    def _named(self, operation: Operation, reference: str | None) -> Drawn | None:
        """The receipt that an issue has to name, one of nothing where there is none; None: it need not."""
        if self.policy is Policy.PREFUNDED or operation is Operation.OPENING:
            return None
        return self.named.setdefault(reference or "", Drawn())


@reads_tuples
def read(connection: Connection, issued: Mapping[UUID, AbstractSet[str]]) -> dict[UUID, Funding]:
    """The funding of the locked accounts `issued`, each with the references that a batch names there."""
    policy = current(connection)
    found = {account: Funding(policy) for account in issued}
    accounts = list(issued)
    for account, purpose, received, drawn in connection.execute(_queries.sums.sql, {"accounts": accounts}):
        found[account].sums[purpose] = Drawn(received, drawn)
    if policy is not Policy.PREFUNDED:
        pairs = [(account, reference) for account, references in issued.items() for reference in references]
        asked = {"accounts": [pair[0] for pair in pairs], "references": [pair[1] for pair in pairs]}
        for account, reference, received, drawn, confirmed in connection.execute(_queries.named.sql, asked):
            found[account].named[reference] = Drawn(received, drawn, confirmed)
    return found
