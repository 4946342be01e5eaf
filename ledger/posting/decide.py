"""The decision: which transfers of a batch are posted and which refused, in order. Pure: no database.

Works on the locked accounts and their usage as read; what it leaves in them is what posting writes. Rules are
asked in one order: account state, funds, ceilings, the payer's limits, the payee's limits. Accounts are found
by the integer of their id: Python's UUID hashes and compares in Python, several times slower.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from emoney.ledger.limits.rules import (
    Direction,
    Headroom,
    LimitProfile,
    LimitRule,
    Metric,
    OnExceed,
    Scope,
    code,
    first_exceeded,
)
from emoney.ledger.limits.usage import Period, Span, Usage, moved_in, periods_counted
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.transfer import GIVES_BACK, Outcome, Refusal, Transfer

_IN, _OUT = Direction.IN, Direction.OUT  # each look-up of a member costs as much as a call
_WALLET, _MONTH = Scope.WALLET, Span.MONTH
_TOLERATED = OnExceed.ALLOW_UNTIL_END_OF_DAY

LEDGER_RULE = "ledger rule"
"""The source of refusals that no law is behind."""


class Written:
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
    `written`: by which transaction the row was that this says, where it was read without a lock. A Standing
    for `ledger.limits.rules`.
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
        "id",
        "kind",
        "opened_on",
        "pending_out",
        "profile",
        "siblings",
        "sign",
        "usage",
        "version",
        "written",
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
        self.written: Written | None = None

    @property
    def balance(self) -> int:
        """Posted balance in the account's own sense: positive is what it normally holds."""
        return self.sign * (self.debits - self.credits)

    def held(self, scope: Scope) -> int:
        """See Standing."""
        if scope is _WALLET:
            return self.sign * (self.debits - self.credits)
        return self.balance + sum([sibling.balance for sibling in self.siblings])

    def moved(self, rule: LimitRule, day: date, payee: UUID | None) -> tuple[int, int]:
        """See Standing."""
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


class Accepted(NamedTuple):
    """A transfer that moves: the version and the balance that each side reaches by it."""

    transfer: Transfer
    effective_at: datetime
    debit_version: int
    debit_balance: int
    credit_version: int
    credit_balance: int


class Rejected(NamedTuple):
    """A transfer that does not move, and why."""

    transfer: Transfer
    effective_at: datetime
    refusal: Refusal


Decision = Accepted | Rejected


def outcomes_of(decisions: Iterable[Decision]) -> list[Outcome]:
    """What their callers are told."""
    return [Outcome(d.transfer.id, d.refusal if isinstance(d, Rejected) else None) for d in decisions]


def decide(transfers: Sequence[Transfer], accounts: Accounts, now: datetime) -> Iterator[Decision]:
    """Decide `transfers` in order against `accounts`, which are changed along the way.

    `now`: the effective time of transfers that state none. Transfers of one group must be neighbours. A
    decision is given as soon as it stands, so that it can be sent while the next is made.
    """
    position = 0
    while position < len(transfers):
        transfer = transfers[position]
        group = transfer.group
        position += 1
        if group is None:
            yield _decide_one(transfer, accounts, now)
            continue
        start = position - 1
        while position < len(transfers) and transfers[position].group == group:
            position += 1
        yield from _decide_group(transfers[start:position], accounts, now)


def _decide_group(group: Sequence[Transfer], accounts: Accounts, now: datetime) -> list[Decision]:
    """All or none: a refusal takes back what the group has moved so far."""
    decisions: list[Decision] = []
    for transfer in group:
        decision = _decide_one(transfer, accounts, now)
        if isinstance(decision, Rejected):
            for taken in reversed(decisions):
                sides = (taken.transfer.debit_account, taken.transfer.credit_account)
                payer, payee = (accounts[side.int] for side in sides)
                _move(taken.transfer, payer, payee, -1)
                count_usage(taken.transfer, payer, payee, taken.effective_at, -1)
            because = Refusal("linked", "deny", LEDGER_RULE)
            return [
                decision if other.id == transfer.id else Rejected(other, other.effective_at or now, because)
                for other in group
            ]
        decisions.append(decision)
    return decisions


def _decide_one(transfer: Transfer, accounts: Accounts, now: datetime) -> Decision:
    at = transfer.effective_at or now
    payer = accounts[transfer.debit_account.int]
    payee = accounts[transfer.credit_account.int]
    refusal = why_refused(transfer, payer, payee, at)
    if refusal is not None:
        return Rejected(transfer, at, refusal)
    _move(transfer, payer, payee, 1)
    count_usage(transfer, payer, payee, at)
    return Accepted(transfer, at, payer.version, payer.balance, payee.version, payee.balance)


def decide_captured(transfer: Transfer, accounts: Accounts, now: datetime) -> Decision:
    """Decide a transfer that captures a hold. Flows and counts took it in when the hold was placed."""
    payer = accounts[transfer.debit_account.int]
    payee = accounts[transfer.credit_account.int]
    refusal = (
        _account_refusal(payer, payee)
        or _funds_refusal(transfer.amount, payer, payee)
        or _ceiling_refusal(transfer.amount, payer, payee)
        or _limit_refusal(payee, _IN, transfer, now, payer.id, only=Metric.BALANCE)
    )
    if refusal is not None:
        return Rejected(transfer, now, refusal)
    _move(transfer, payer, payee, 1)
    return Accepted(transfer, now, payer.version, payer.balance, payee.version, payee.balance)


def why_refused(transfer: Transfer, payer: AccountState, payee: AccountState, at: datetime) -> Refusal | None:
    """The first rule that a transfer would break if it came now, or None; nothing is changed."""
    return (
        _account_refusal(payer, payee)
        or _funds_refusal(transfer.amount, payer, payee)
        or _ceiling_refusal(transfer.amount, payer, payee)
        or _limit_refusal(payer, _OUT, transfer, at, payee.id)
        or _limit_refusal(payee, _IN, transfer, at, payer.id)
    )


def _account_refusal(payer: AccountState, payee: AccountState) -> Refusal | None:
    if payer.frozen_debit:
        return Refusal("account.frozen_debit", "deny", LEDGER_RULE)
    if payee.frozen_credit:
        return Refusal("account.frozen_credit", "deny", LEDGER_RULE)
    return None


def _funds_refusal(amount: int, payer: AccountState, payee: AccountState) -> Refusal | None:
    """A debit lowers a liability, a credit lowers an asset: the account lowered stays above its floor."""
    if payer.sign < 0 and (refusal := _short(amount, payer)):
        return refusal
    return _short(amount, payee) if payee.sign > 0 else None


def _short(amount: int, account: AccountState) -> Refusal | None:
    if account.floor is None:
        return None
    available = account.balance - account.pending_out - account.floor
    if amount <= available:
        return None
    return Refusal("funds", "deny", LEDGER_RULE, account.floor, None, max(0, available))


def _ceiling_refusal(amount: int, payer: AccountState, payee: AccountState) -> Refusal | None:
    """The other way round: the account raised stays at or below its ceiling."""
    if payer.ceiling is not None and payer.sign > 0 and payer.balance + amount > payer.ceiling:
        return _too_full(payer, payer.ceiling)
    if payee.ceiling is not None and payee.sign < 0 and payee.balance + amount > payee.ceiling:
        return _too_full(payee, payee.ceiling)
    return None


def _too_full(account: AccountState, ceiling: int) -> Refusal:
    headroom = max(0, ceiling - account.balance)
    return Refusal("account.ceiling", "deny", LEDGER_RULE, ceiling, account.balance, headroom)


def _limit_refusal(
    account: AccountState,
    direction: Direction,
    transfer: Transfer,
    at: datetime,
    other: UUID,
    only: Metric | None = None,
) -> Refusal | None:
    profile = account.profile
    if profile is None or transfer.operation in GIVES_BACK:
        return None
    exceeded = first_exceeded(
        profile, account, direction, transfer.operation, transfer.amount, profile.local_day(at), other, only
    )
    if exceeded is None or exceeded.rule.on_exceed is _TOLERATED:
        return None
    return refusal_of(exceeded)


def refusal_of(exceeded: Headroom) -> Refusal:
    """The refusal of a transfer that would pass this rule."""
    rule = exceeded.rule
    used = None if rule.metric is Metric.SINGLE else exceeded.used
    return Refusal(rule.id, rule.on_exceed.value, rule.source, exceeded.limit, used, exceeded.left)


def _move(transfer: Transfer, payer: AccountState, payee: AccountState, sense: int) -> None:
    """Move the money; with `sense` -1, take the move back."""
    amount = sense * transfer.amount
    payer.debits += amount
    payer.version += sense
    payee.credits += amount
    payee.version += sense


def count_usage(
    transfer: Transfer, payer: AccountState, payee: AccountState, at: datetime, sense: int = 1
) -> None:
    """Count a transfer, or the hold for one, on both sides; with `sense` -1, take it back."""
    operation, amount = transfer.operation, sense * transfer.amount
    if operation in GIVES_BACK:
        return
    profile = payer.profile
    if profile is not None and operation in profile.counts[_OUT]:
        payer.count(_OUT, operation, amount, sense, profile.local_day(at), payee.id)
    profile = payee.profile
    if profile is not None and operation in profile.counts[_IN]:
        payee.count(_IN, operation, amount, sense, profile.local_day(at), payer.id)
