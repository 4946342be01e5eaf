"""What a decision knows of the accounts that it moves: a batch's working copy. Pure values: no database."""

from datetime import date
from uuid import UUID

from emoney.ledger.limits.rules import Direction, LimitProfile, LimitRule, Scope, code
from emoney.ledger.limits.usage import Usage
from emoney.ledger.receipts.funding import Funding
from emoney.ledger.transfers.operations import Operation

_WALLET = Scope.WALLET  # each look-up of a member costs as much as a call


class WriteMark:
    """A transaction that wrote accounts, by its number; None until that is known.

    `attempt`: how it is named before. Of each attempt its own: the same transfers may be sent again.
    """

    __slots__ = ("attempt", "transaction")

    def __init__(self, transaction: int | None = None, attempt: UUID | None = None) -> None:
        self.transaction = transaction
        self.attempt = attempt


class AccountState:
    """A locked account, as the decisions so far leave it. Sums in minor units.

    `kind`: an AccountKind's value. `reserved`: some hold is open on it or for it, expired or not.
    `usage`: what its limits have counted, this batch included.
    `siblings`: the other wallets of its holder that share its limits, where a limit is the person's.
    `funding`: what may be issued on it, where a batch issues on it.
    `last_written_by`: by which transaction the row was that this says, where it was read without a lock. A
    WalletUsage for `ledger.limits.rules`.
    """

    __slots__ = (
        "ceiling",
        "closed",
        "credits",
        "currency",
        "debits",
        "floor",
        "frozen_credit",
        "frozen_debit",
        "funding",
        "id",
        "kind",
        "last_written_by",
        "opened_on",
        "pending_out",
        "profile",
        "reserved",
        "siblings",
        "sign",
        "usage",
        "version",
    )

    def __init__(
        self,
        id: UUID,
        kind: str,
        currency: str,
        sign: int,
        floor: int | None,
        frozen_debit: bool,
        frozen_credit: bool,
        closed: bool,
        debits: int,
        credits: int,
        pending_out: int,
        version: int,
        ceiling: int | None,
        *,
        profile: LimitProfile | None,
        usage: Usage | None = None,
    ) -> None:
        self.id = id
        self.kind = kind
        self.currency = currency
        self.sign = sign
        self.floor = floor
        self.frozen_debit = frozen_debit
        self.frozen_credit = frozen_credit
        self.closed = closed
        self.debits = debits
        self.credits = credits
        self.pending_out = pending_out
        self.version = version
        self.ceiling = ceiling
        self.profile = profile
        self.usage = usage
        self.reserved = False
        self.siblings: tuple[AccountState, ...] = ()
        self.opened_on: date | None = None
        self.funding: Funding | None = None
        self.last_written_by: WriteMark | None = None

    @property
    def balance(self) -> int:
        """Posted balance in the account's own sense: positive is what it normally holds."""
        return self.sign * (self.debits - self.credits)

    def held(self, scope: Scope) -> int:
        """See WalletUsage."""
        if scope is _WALLET:
            return self.sign * (self.debits - self.credits)
        return self.balance + sum([sibling.balance for sibling in self.siblings])

    def moved(self, rule: LimitRule, day: date, payee: UUID | None) -> int:
        """See WalletUsage."""
        usage = self.usage
        assert usage is not None
        used = usage.measured(rule.counter, day, payee)
        if rule.scope is Scope.PERSON and self.siblings:
            for sibling in self.siblings:
                if sibling.usage is not None:
                    used += sibling.usage.measured(rule.counter, day, payee)
        return used

    def count(
        self, direction: Direction, operation: Operation, amount: int, number: int, day: date, payee: UUID
    ) -> None:
        """Count a transfer; with negative numbers, take it back."""
        if self.usage is not None:
            self.usage.count(code(direction, operation), amount, number, day, payee)


Accounts = dict[int, AccountState]
"""The accounts of a batch by the integers of their ids."""
