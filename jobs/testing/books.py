"""Books in a state: accounts that are open and hold what a test needs."""

from datetime import datetime
from uuid import UUID

from emoney.jobs.testing.clock import NOON
from emoney.ledger import (
    AccountKind,
    Database,
    Ledger,
    LimitProfile,
    NewAccount,
    Operation,
    Outcome,
    Transfer,
    profile_changes,
)
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.clock import Clock
from emoney.ledger.base.ids import new_id
from emoney.ledger.limits import profiles
from emoney.ledger.reports.trial_balance import trial_balance


class Books:
    """A ledger in one currency, with accounts that are opened and funded by a word. Amounts: minor units.

    `clock`: when its accounts are opened. Nothing that it opens is under a policy pack, which takes the
    import's right; for wallets with the limits of a tier enrol persons (`Emoney.kyc`), and fund them with
    `load`.
    """

    def __init__(
        self, database: Database, ledger: Ledger, currency: str = "EUR", clock: Clock = lambda: NOON
    ) -> None:
        self.database = database
        self.ledger = ledger
        self.currency = currency
        self._clock = clock

    def account(
        self,
        kind: AccountKind = AccountKind.CUSTOMER,
        currency: str | None = None,
        *,
        profile: LimitProfile | None = None,
        ref: str | None = None,
        holder: UUID | None = None,
        opened_at: datetime | None = None,
    ) -> UUID:
        """Open an empty account, under the limits of `profile` or under none; returns its id.

        `opened_at`: now, if None; nothing counts on an account before it was opened.
        """
        account_id = new_id()
        with self.database.connection() as connection:
            profile_id = None if profile is None else profiles.store(connection, profile)
            at = opened_at or self._clock()
            new = NewAccount(account_id, kind, currency or self.currency, at, ref, holder, profile_id)
            accounts.open_without_limits(connection, [new])
        return account_id

    def funded(
        self,
        amount: int,
        *,
        profile: LimitProfile | None = None,
        ref: str | None = None,
        holder: UUID | None = None,
    ) -> UUID:
        """A customer's wallet that holds `amount`, then put under `profile`: loading counts in no limit."""
        wallet = self.account(ref=ref, holder=holder)
        if amount:
            self.load(wallet, amount)
        if profile is not None:
            self.set_profile(wallet, profile)
        return wallet

    def load(self, wallet: UUID, amount: int) -> None:
        """Issue e-money to a wallet from a safeguarding account of its own."""
        funds = self.account(AccountKind.SAFEGUARDING)
        self.posted(self.transfer(funds, wallet, amount, Operation.LOAD, reference="receipt"))

    def set_profile(self, account_id: UUID, profile: LimitProfile) -> None:
        """Put an account under the limits of a profile."""
        with self.database.connection() as connection:
            limits = {account_id: profiles.store(connection, profile)}
            profile_changes.put_under(
                connection, limits, actor="books", reason="as the test says", at=self._clock()
            )

    def transfer(
        self,
        debit: UUID,
        credit: UUID,
        amount: int,
        operation: Operation = Operation.P2P,
        *,
        currency: str | None = None,
        reference: str | None = None,
        group: UUID | None = None,
        at: datetime | None = None,
    ) -> Transfer:
        """A transfer under a new id; `at`: when it counts."""
        own = currency or self.currency
        return Transfer(new_id(), debit, credit, amount, own, operation, reference, group, at)

    def post(self, *transfers: Transfer) -> list[Outcome]:
        """Post a batch."""
        return self.ledger.post(transfers)

    def posted(self, *transfers: Transfer) -> None:
        """Post a batch of which nothing may be refused: AssertionError with the rules that refused."""
        refused = [outcome.refusal.rule for outcome in self.post(*transfers) if outcome.refusal]
        assert not refused, f"refused by {', '.join(refused)}"

    def balance(self, account_id: UUID) -> int:
        """What an account holds."""
        with self.database.connection() as connection:
            return accounts.get(connection, account_id).balance

    def check(self) -> None:
        """The books balance and every unit issued is covered: AssertionError otherwise."""
        with self.database.connection() as connection:
            found = trial_balance(connection)
        assert found.balanced, "the books do not balance"
        assert found.safeguarded, "more e-money is out than funds are safeguarded"


def open_without_limits(ledger: Ledger, kind: AccountKind, currency: str, external_ref: str) -> UUID:
    """An account as `Ledger.open_account` opens it, a customer's without limits, too; returns its id.

    By the import's right: an application opens its customers' accounts under a profile, or enrols persons.
    """
    account_id = accounts.id_of_reference(external_ref)
    new = NewAccount(account_id, kind, currency, ledger.clock(), external_ref)
    with ledger.database.connection() as connection:
        accounts.open_without_limits(connection, [new])
    return account_id
