"""The trial balance: every account's debits and credits, and whether the books hold together.

Checked from the entries up, not from the stored sums: each transfer has its two entries and its claim, each
account is the sum of its entries, each balance follows from the one before, closed accounts hold nothing,
debits equal credits in every currency, so that all entries add up to nothing, and what backs the e-money
covers what is outstanding; and what is issued follows from the receipts, and does not pass them.
"""

from dataclasses import dataclass
from uuid import UUID

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.reports import tail
from emoney.ledger.reports.tail import Start
from emoney.ledger.transfers.chart import BACKING, OUTSTANDING, AccountKind, sign_of

LISTED_MAX = 10_000
"""Wallets without limits that are named, of those counted."""

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Line:
    """All accounts of one kind in one currency; minor units, `balance` in the kind's own sense."""

    currency: str
    kind: AccountKind
    accounts: int
    debits: int
    credits: int

    @property
    def balance(self) -> int:
        return sign_of(self.kind) * (self.debits - self.credits)


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """One currency's sums, minor units. `outstanding`: what holders may redeem; `backing`: what covers it."""

    currency: str
    debits: int
    credits: int
    outstanding: int
    backing: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """The books at one moment. `wrong_accounts`, `wrong_transfers`: ids that do not hold together.

    `without_limits`: how many open accounts of customers are under no profile or one without a bound, such as
    an import leaves them; `named_without_limits`: their ids, LISTED_MAX at most. The books hold all the same.
    `wrong_receipts`: the accounts of funds where that is so of receipts, or more is issued than was received.
    `wrong_totals`: what of the day totals does not hold, in words. `start`: the total that the books were
    checked from; None when they were from their beginning.
    """

    lines: tuple[Line, ...]
    wrong_accounts: tuple[UUID, ...]
    wrong_transfers: tuple[UUID, ...]
    without_limits: int = 0
    named_without_limits: tuple[UUID, ...] = ()
    wrong_receipts: tuple[UUID, ...] = ()
    wrong_totals: tuple[str, ...] = ()
    start: Start | None = None

    @property
    def totals(self) -> tuple[CurrencyTotal, ...]:
        """One total per currency."""
        by_currency: dict[str, list[Line]] = {}
        for line in self.lines:
            by_currency.setdefault(line.currency, []).append(line)
        return tuple(
            CurrencyTotal(
                currency,
                sum(line.debits for line in lines),
                sum(line.credits for line in lines),
                sum(line.balance for line in lines if line.kind in OUTSTANDING),
                sum(line.balance for line in lines if line.kind in BACKING),
            )
            for currency, lines in by_currency.items()
        )

    @property
    def balanced(self) -> bool:
        """Whether debits equal credits everywhere and every account, transfer and receipt holds together."""
        return (
            not self.wrong_accounts
            and not self.wrong_transfers
            and not self.wrong_receipts
            and not self.wrong_totals
            and all(total.debits == total.credits for total in self.totals)
        )

    @property
    def safeguarded(self) -> bool:
        """Whether the backing covers the outstanding e-money in every currency."""
        return all(total.backing >= total.outstanding for total in self.totals)


@reads_tuples
def trial_balance(connection: Connection) -> TrialBalance:
    """The trial balance at this moment, all of it read from one snapshot. Reads every entry.

    `ledger.totals.trial_balance` reads what was posted since the last day total.
    """
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    return read(connection)


@reads_tuples
def read(connection: Connection, start: Start | None = None) -> TrialBalance:
    """The trial balance as the caller's transaction sees it. `start`: check the tail after this total."""
    without = connection.execute(_queries.without_limits.sql, {"most": LISTED_MAX}).fetchall()
    unexplained: list[int] = []
    if start is None:
        accounts, transfers, receipts = (
            [row[0] for row in connection.execute(query.sql)]
            for query in (_queries.unbalanced_accounts, _queries.wrong_transfers, _queries.wrong_receipts)
        )
    else:
        accounts, unexplained = tail.wrong_accounts(connection, start)
        transfers = tail.wrong_transfers(connection, start)
        receipts = tail.wrong_receipts(connection, start)
    return TrialBalance(
        tuple(
            Line(currency, AccountKind(kind), accounts_, debits, credits)
            for currency, kind, accounts_, debits, credits in connection.execute(_queries.totals.sql)
        ),
        tuple(accounts),
        tuple(transfers),
        without[0][1] if without else 0,
        tuple(row[0] for row in without),
        tuple(receipts),
        tuple(
            f"part {part} of the accounts is not what it came to at day total {start.number}"
            for part in unexplained
            if start is not None
        ),
        start,
    )
