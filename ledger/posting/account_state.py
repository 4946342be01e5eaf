"""What a decision knows of the accounts that it moves: a batch's working copy. Pure values: no database."""

from datetime import date
from uuid import UUID

from emoney.ledger.limits.rules import Direction, LimitProfile, LimitRule, Scope, code
from emoney.ledger.limits.usage import Period, Span, Usage, moved_in, periods_counted
from emoney.ledger.receipts.funding import Funding
from emoney.ledger.transfers.operations import Operation

_WALLET, _MONTH = Scope.WALLET, Span.MONTH  # each look-up of a member costs as much as a call


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

    `kind`: an AccountKind's value. `usage`: what the periods of its limits hold, this batch included.
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
        self.usage: Usage = {}
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

    def moved(self, rule: LimitRule, day: date, payee: UUID | None) -> tuple[int, int]:
        """See WalletUsage."""
        assert self.profile is not None
        starts = self.profile.fiscal_year_starts
        if rule.scope is _WALLET:
            return moved_in(self.usage, rule, day, starts, None)
        if rule.scope is Scope.PAYEE:
            return moved_in(self.usage, rule, day, starts, payee)
        amount, count = moved_in(self.usage, rule, day, starts, None)
        if self.siblings:
            for sibling in self.siblings:
                part = moved_in(sibling.usage, rule, day, starts, None)
                amount, count = amount + part[0], count + part[1]
        return amount, count

    def count(
        self, direction: Direction, operation: Operation, amount: int, number: int, day: date, payee: UUID
    ) -> None:
        """Count a transfer in the periods that its profile keeps; with negative numbers, take it back."""
        counted, usage, profile = code(direction, operation), self.usage, self.profile
        assert profile is not None
        for start in periods_counted(profile.counted, profile.fiscal_year_starts, direction, day):
            period = usage.get(start)
            if period is None:
                period = usage[start] = Period()
            period.add(counted, amount, number, day.day if start[0] is _MONTH else None)
        if profile.counts_payee(operation):
            windows = profile.counted_per_payee
            for start in periods_counted(windows, profile.fiscal_year_starts, direction, day):
                period = usage.setdefault((*start, payee), Period())
                period.add(counted, amount, number, day.day if start[0] is _MONTH else None)

    def give_back(
        self, direction: Direction, operation: Operation, amount: int, number: int, day: date, payee: UUID
    ) -> None:
        """Lower what was counted of a transfer on a day, as far as its periods are here."""
        counted, profile = code(direction, operation), self.profile
        assert profile is not None
        for windows, suffix in ((profile.counted, ()), (profile.counted_per_payee, (payee,))):
            for start in periods_counted(windows, profile.fiscal_year_starts, direction, day):
                period = self.usage.get((*start, *suffix))
                if period is not None:
                    period.give_back(counted, amount, number, day.day if start[0] is _MONTH else None)


Accounts = dict[int, AccountState]
"""The accounts of a batch by the integers of their ids."""
