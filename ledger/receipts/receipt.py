"""A receipt as it stands: what arrived at the bank, and what of it is issued."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from emoney.ledger.base.errors import InvalidId, UnknownAccount
from emoney.ledger.base.ids import as_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.receipts.errors import UnknownReceipt

LISTED_MAX = 1000

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What arrived on an account of funds, minor units of `currency`.

    `purpose`: issue, or opening for balances carried over. `received`: `amount` less what was withdrawn.
    `drawn`: what is issued by transfers that name it, less what was reversed; under `prefunded` none name it.
    `statement`, `entry`: the bank's entry that confirms it.
    """

    id: UUID
    account_id: UUID
    reference: str
    purpose: str
    currency: str
    amount: int
    received: int
    drawn: int
    statement: str | None
    entry: int | None
    actor: str
    reason: str
    recorded_at: datetime

    @property
    def left(self) -> int:
        """What may still be issued on it."""
        return self.received - self.drawn


@dataclass(frozen=True, slots=True)
class Fund:
    """All that was received on an account for one purpose, and what is issued of it, minor units."""

    account_id: UUID
    purpose: str
    received: int
    drawn: int

    @property
    def left(self) -> int:
        """What may still be issued."""
        return self.received - self.drawn


@reads_tuples
def account(connection: Connection, name: str) -> tuple[UUID, str]:
    """The id and the currency of the account with this external reference or, failing that, this id.

    Raises UnknownAccount.
    """
    try:
        account_id = as_id(name, "account")
    except InvalidId:
        account_id = None
    row = connection.execute(_queries.account.sql, {"name": name, "id": account_id}).fetchone()
    if row is None:
        raise UnknownAccount(f"there is no account with the reference {name!r}")
    return row[0], row[1]


@reads_tuples
def by_id(connection: Connection, receipt_id: UUID) -> Receipt:
    """Raises UnknownReceipt."""
    row = connection.execute(_queries.by_id.sql, {"id": receipt_id}).fetchone()
    if row is None:
        raise UnknownReceipt(f"there is no receipt {receipt_id}")
    return Receipt(*row)


@reads_tuples
def find(connection: Connection, account_id: UUID, reference: str) -> Receipt:
    """The receipt of this reference on the account. Raises UnknownReceipt."""
    asked = {"account": account_id, "reference": reference}
    row = connection.execute(_queries.by_reference.sql, asked).fetchone()
    if row is None:
        raise UnknownReceipt(f"no receipt {reference!r} is recorded on account {account_id}")
    return Receipt(*row)


@reads_tuples
def every(
    connection: Connection,
    account_id: UUID | None = None,
    *,
    open_only: bool = False,
    most: int = LISTED_MAX,
) -> list[Receipt]:
    """The newest receipts, at most `most`, of one account or of all; `open_only`: that are not used up."""
    asked: dict[str, Any] = {"account": account_id, "open_only": open_only, "most": most}
    return [Receipt(*row) for row in connection.execute(_queries.every.sql, asked)]


@reads_tuples
def funds(connection: Connection, account_id: UUID | None = None) -> list[Fund]:
    """What was received and issued on each account and for each purpose."""
    return [Fund(*row) for row in connection.execute(_queries.funds.sql, {"account": account_id})]


@reads_tuples
def issues(connection: Connection, receipt_id: UUID, *, most: int = LISTED_MAX) -> list[tuple[UUID, int]]:
    """The first `most` transfers that were issued on a receipt, and their amounts in minor units."""
    asked = {"id": receipt_id, "most": most}
    return [(transfer, amount) for transfer, amount in connection.execute(_queries.issues.sql, asked)]
