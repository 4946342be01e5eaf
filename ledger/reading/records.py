"""What reading gives back: immutable values. Amounts in minor units of their currency."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from emoney.ledger.transfers.metadata import Metadata
from emoney.ledger.transfers.money import Money, to_decimal
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.transfer import Refusal


@dataclass(frozen=True, slots=True)
class PostedTransfer:
    """A transfer that moved money. `key`, `metadata`: what the operator gave with it, None where nothing."""

    id: UUID
    debit_account: UUID
    credit_account: UUID
    amount: int
    currency: str
    operation: Operation
    reference: str | None
    group: UUID | None
    effective_at: datetime
    posted_at: datetime
    key: str | None
    metadata: Metadata | None

    @property
    def money(self) -> Money:
        """The amount in major units."""
        return Money(to_decimal(self.amount, self.currency), self.currency)


@dataclass(frozen=True, slots=True)
class RefusedTransfer:
    """A transfer, hold or dispute that was refused, and by which rule."""

    id: UUID
    debit_account: UUID
    credit_account: UUID
    amount: int
    currency: str
    operation: Operation
    reference: str | None
    group: UUID | None
    effective_at: datetime
    decided_at: datetime
    key: str | None
    metadata: Metadata | None
    refusal: Refusal

    @property
    def money(self) -> Money:
        """The amount in major units."""
        return Money(to_decimal(self.amount, self.currency), self.currency)


@dataclass(frozen=True, slots=True)
class HeldMoney:
    """A hold as it stands: `remaining` is still reserved, none past its deadline; `captured` was moved."""

    id: UUID
    debit_account: UUID
    credit_account: UUID
    amount: int
    currency: str
    operation: Operation
    reference: str | None
    placed_at: datetime
    expires_at: datetime
    key: str | None
    remaining: int
    captured: int

    @property
    def open(self) -> bool:
        """Whether something is still reserved."""
        return self.remaining > 0


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds now, in its own sense. `available`: less outgoing holds that run."""

    account_id: UUID
    currency: str
    balance: int
    available: int
    version: int

    @property
    def money(self) -> Money:
        """The balance in major units."""
        return Money(to_decimal(self.balance, self.currency), self.currency)


def posted(row: Sequence[Any]) -> PostedTransfer:
    """A row of a query of transfers."""
    return PostedTransfer(*_typed(row))


def refused(row: Sequence[Any]) -> RefusedTransfer:
    """A row of a query of refusals."""
    rule, decision, source, numbers = row[12:]
    return RefusedTransfer(*(*_typed(row[:12]), Refusal(rule, decision, source, **numbers)))


def held(row: Sequence[Any]) -> HeldMoney:
    """A row of a query of holds."""
    return HeldMoney(*_typed(row))


def _typed(row: Sequence[Any]) -> list[Any]:
    return [*row[:5], Operation(row[5]), *row[6:]]
