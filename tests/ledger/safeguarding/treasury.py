"""Who watches the bank: receipts on a ledger that has none of the testing kit's."""

from uuid import UUID

from books import Books, Dump

from emoney.ledger import AccountKind, Operation, Outcome, Transfer
from emoney.ledger.receipts import Receipt, Receipts, receipt

BY: dict[str, str] = {"actor": "treasury-1", "reason": "credited by the bank"}
OTHER: dict[str, str] = {"actor": "controller-2", "reason": "checked with the bank"}
WRITTEN_BY_A_REFUSAL = ("refusal", "claim", "event_position")


class Treasury:
    """An account at the bank, and wallets that are loaded from it."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.receipts = Receipts(books.owner_url, clock=lambda: books.now)
        self.bank = books.account(AccountKind.SAFEGUARDING, ref="bank-1")
        self.wallet = books.account(ref="w-1")

    def record(self, reference: str, amount: int, **more: object) -> Receipt:
        return self.receipts.record(self.bank, reference, amount, **BY, **more)  # type: ignore[arg-type]

    def issue(self, amount: int, reference: str | None, operation: Operation = Operation.LOAD) -> Transfer:
        return self.books.transfer(self.bank, self.wallet, amount, operation, reference=reference)

    def load(self, amount: int, reference: str, operation: Operation = Operation.LOAD) -> Outcome:
        (outcome,) = self.books.post(self.issue(amount, reference, operation))
        return outcome

    def drawn(self, reference: str) -> int:
        with self.books.database.connection() as connection:
            return receipt.find(connection, self.bank, reference).drawn

    def fund(self, account: UUID | None = None) -> list[tuple[str, int, int]]:
        with self.books.database.connection() as connection:
            found = receipt.funds(connection, account or self.bank)
        return [(each.purpose, each.received, each.drawn) for each in found]

    def state(self) -> Dump:
        """All rows but those that tell of a refusal."""
        return self.books.dump(without=WRITTEN_BY_A_REFUSAL)


def told(outcome: Outcome) -> tuple[object, ...] | None:
    """The rule and numbers of a refusal."""
    refusal = outcome.refusal
    return refusal and (refusal.rule, refusal.limit, refusal.used, refusal.headroom)
