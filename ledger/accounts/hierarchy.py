"""The chart of accounts as a tree: which account stands below which, and what each holds with all below it.

An account may stand below another of its currency and sign (`ledger.account_changes.move`). Moving money does
not look at it: the hierarchy is for totals, now or at a past moment by posting time. At a past moment,
balances are of that moment and the hierarchy is today's, as accounts are restated after a reorganisation.

Cost: every account once and of the entries those posted after the moment; what comes back are the accounts
that stand in the hierarchy, down to the level asked for, and one line per kind for all others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.transfers.chart import AccountKind

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Node:
    """An account in the hierarchy, minor units. `total`: its balance and those of the `below` ones under it.

    `children`: by kind and name; empty where the level asked for ends. `level`: 1 at the top.
    """

    account_id: UUID
    name: str
    kind: AccountKind
    currency: str
    level: int
    balance: int
    total: int
    below: int
    children: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Others:
    """The accounts of a kind that stand neither below nor above another one; minor units."""

    currency: str
    kind: AccountKind
    accounts: int
    total: int


@dataclass(frozen=True, slots=True)
class Tree:
    """The chart. The totals of the top accounts and of `others` are those of the whole ledger."""

    top: tuple[Node, ...]
    others: tuple[Others, ...]


@reads_tuples
def tree(connection: Connection, moment: datetime | None = None, *, levels: int = 16) -> Tree:
    """The chart of accounts rolled up along the hierarchy, now or at `moment`, shown down to `levels`.

    Both parts are read from one snapshot, so the transaction must not have begun. Raises InvalidInput.
    """
    if moment is not None and moment.tzinfo is None:
        raise InvalidInput(f"the moment {moment.isoformat()} needs a time zone, such as +00:00")
    if levels < 1:
        raise InvalidInput(f"{levels} levels show nothing; 1 shows the top accounts")
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    at = {"moment": "infinity" if moment is None else moment.isoformat(), "levels": levels}
    rows = connection.execute(_queries.rolled_up.sql, at).fetchall()
    by_parent: dict[UUID | None, list[Sequence[Any]]] = {}
    for parent, *rest in rows:
        by_parent.setdefault(parent, []).append(rest)
    others = connection.execute(_queries.others.sql, at)
    return Tree(
        _nodes(by_parent, None),
        tuple(Others(currency, AccountKind(kind), *numbers) for currency, kind, *numbers in others),
    )


def _nodes(by_parent: dict[UUID | None, list[Sequence[Any]]], parent: UUID | None) -> tuple[Node, ...]:
    return tuple(
        Node(
            account_id,
            name,
            AccountKind(kind),
            currency,
            level,
            balance,
            total,
            below,
            _nodes(by_parent, account_id),
        )
        for account_id, name, kind, currency, level, balance, total, below in by_parent.get(parent, ())
    )
