"""Days to look at: e-money issued, a bank that states its account, and the daily reconciliation of both."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from bank import Entry, camt
from books import NOON, Books

from emoney.ledger import Operation
from emoney.ledger.accounts import account as accounts
from emoney.ledger.safeguarding import Reconciliation, import_statements, reconcile

DAY = NOON.date()
ONE = timedelta(days=1)


def load(books: Books, funds: UUID, amount: int, reference: str, *, wallet: UUID | None = None) -> UUID:
    """E-money issued into a wallet against a receipt."""
    wallet = wallet or books.account()
    books.posted(books.transfer(funds, wallet, amount, Operation.LOAD, reference=reference))
    return wallet


class Bank:
    """Statements of one account, each opening with what the one before closed with."""

    def __init__(self, books: Books, account: UUID, folder: Path) -> None:
        self.books, self.account, self.folder = books, account, folder
        self.balance = 0
        self.number = 0

    def says(self, day: date, *entries: Entry, opening: int | None = None) -> None:
        self.number += 1
        opening = self.balance if opening is None else opening
        path = camt(
            self.folder / f"{self.account}-{self.number}.xml",
            f"S-{self.number}",
            opening,
            *entries,
            closes=day,
        )
        self.balance = opening + sum(entry.amount for entry in entries)
        with self.books.database.connection() as connection:
            account = accounts.get(connection, self.account)
            import_statements(connection, path, account, self.books.now)


def run(books: Books, day: date = DAY, **options: Any) -> Reconciliation:
    books.now = max(books.now, NOON.replace(year=day.year, month=day.month, day=day.day) + ONE)
    with books.database.connection() as connection:
        return reconcile(connection, day, clock=lambda: books.now, **options)
