"""The decision: which transfers of a batch are posted and which refused, in order. Pure: no database.

Works on the locked accounts and their usage counters as read; what it leaves in them is what posting writes.
Rules are asked in one order: account state, funds, ceilings, the payer's limits, the payee's limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from ledger.limits import (
    Counters,
    Direction,
    Exceeded,
    LimitProfile,
    Metric,
    WindowKey,
    first_exceeded,
)
from ledger.operations import Operation
from ledger.transfers import GIVES_BACK, Refusal, Transfer

LEDGER_RULE = "ledger rule"
"""The source of refusals that no law is behind."""


@dataclass(slots=True)
class AccountState:
    """A locked account, as the decisions so far leave it. Sums in minor units.

    `usage`: what the windows of its limits hold, this batch included.
    """

    id: UUID
    currency: str
    sign: int
    floor: int | None
    frozen_debit: bool
    frozen_credit: bool
    closed: bool
    debits: int
    credits: int
    pending_out: int
    version: int
    ceiling: int | None
    last_posted_at: datetime | None
    profile: LimitProfile | None
    usage: Counters = field(default_factory=dict)

    @property
    def balance(self) -> int:
        """Posted balance in the account's own sense: positive is what it normally holds."""
        return self.sign * (self.debits - self.credits)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A transfer that moves: the version and the balance that each side reaches by it."""

    transfer: Transfer
    effective_at: datetime
    debit_version: int
    debit_balance: int
    credit_version: int
    credit_balance: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A transfer that does not move, and why."""

    transfer: Transfer
    effective_at: datetime
    refusal: Refusal


Decision = Accepted | Rejected


def decide(
    transfers: Sequence[Transfer], accounts: dict[UUID, AccountState], now: datetime
) -> list[Decision]:
    """Decide `transfers` in order against `accounts`, which are changed along the way.

    `now`: the effective time of transfers that state none. Transfers of one group must be neighbours.
    """
    decisions: list[Decision] = []
    position = 0
    while position < len(transfers):
        group = transfers[position].group
        end = position + 1
        while group is not None and end < len(transfers) and transfers[end].group == group:
            end += 1
        if group is None:
            decisions.append(_decide_one(transfers[position], accounts, now))
        else:
            decisions.extend(_decide_group(transfers[position:end], accounts, now))
        position = end
    return decisions


def _decide_group(
    group: Sequence[Transfer], accounts: dict[UUID, AccountState], now: datetime
) -> list[Decision]:
    """All or none: a refusal takes back what the group has moved so far."""
    decisions: list[Decision] = []
    for transfer in group:
        decision = _decide_one(transfer, accounts, now)
        decisions.append(decision)
        if isinstance(decision, Rejected):
            for accepted in reversed(decisions):
                if isinstance(accepted, Accepted):
                    _move(accepted.transfer, accepted.effective_at, accounts, -1)
            because = Refusal("linked", "deny", LEDGER_RULE)
            return [
                decision if other.id == transfer.id else Rejected(other, other.effective_at or now, because)
                for other in group
            ]
    return decisions


def _decide_one(transfer: Transfer, accounts: dict[UUID, AccountState], now: datetime) -> Decision:
    at = transfer.effective_at or now
    payer = accounts[transfer.debit_account]
    payee = accounts[transfer.credit_account]
    refusal = why_refused(transfer, payer, payee, at)
    if refusal is not None:
        return Rejected(transfer, at, refusal)
    _move(transfer, at, accounts, 1)
    return Accepted(transfer, at, payer.version, payer.balance, payee.version, payee.balance)


def why_refused(transfer: Transfer, payer: AccountState, payee: AccountState, at: datetime) -> Refusal | None:
    """The first rule that a transfer would break if it came now, or None; nothing is changed."""
    return (
        _account_refusal(payer, payee)
        or _funds_refusal(transfer.amount, payer, payee)
        or _ceiling_refusal(transfer.amount, payer, payee)
        or _limit_refusal(payer, Direction.OUT, transfer, at)
        or _limit_refusal(payee, Direction.IN, transfer, at)
    )


def _account_refusal(payer: AccountState, payee: AccountState) -> Refusal | None:
    if payer.closed or payee.closed:
        return Refusal("account.closed", "deny", LEDGER_RULE)
    if payer.frozen_debit:
        return Refusal("account.frozen_debit", "deny", LEDGER_RULE)
    if payee.frozen_credit:
        return Refusal("account.frozen_credit", "deny", LEDGER_RULE)
    return None


def _funds_refusal(amount: int, payer: AccountState, payee: AccountState) -> Refusal | None:
    """A debit lowers a liability, a credit lowers an asset: the account lowered stays above its floor."""
    for account, lowered in ((payer, payer.sign < 0), (payee, payee.sign > 0)):
        if lowered and account.floor is not None:
            available = account.balance - account.pending_out - account.floor
            if amount > available:
                return Refusal("funds", "deny", LEDGER_RULE, account.floor, None, max(0, available))
    return None


def _ceiling_refusal(amount: int, payer: AccountState, payee: AccountState) -> Refusal | None:
    """The other way round: the account raised stays at or below its ceiling."""
    for account, raised in ((payer, payer.sign > 0), (payee, payee.sign < 0)):
        if raised and account.ceiling is not None and account.balance + amount > account.ceiling:
            headroom = max(0, account.ceiling - account.balance)
            return Refusal("account.ceiling", "deny", LEDGER_RULE, account.ceiling, account.balance, headroom)
    return None


def _limit_refusal(
    account: AccountState, direction: Direction, transfer: Transfer, at: datetime
) -> Refusal | None:
    profile = account.profile
    if profile is None or transfer.operation in GIVES_BACK:
        return None
    exceeded = first_exceeded(
        profile,
        direction=direction,
        operation=transfer.operation,
        amount=transfer.amount,
        balance=account.balance,
        usage=account.usage,
        at=at,
    )
    return None if exceeded is None else _refusal_of(exceeded)


def _refusal_of(exceeded: Exceeded) -> Refusal:
    rule = exceeded.rule
    used = None if rule.metric is Metric.SINGLE else exceeded.used
    return Refusal(rule.id, rule.on_exceed.value, rule.source, exceeded.limit, used, exceeded.headroom)


def _move(transfer: Transfer, at: datetime, accounts: dict[UUID, AccountState], sense: int) -> None:
    """Move the money and the counters; with `sense` -1, take the move back."""
    payer = accounts[transfer.debit_account]
    payee = accounts[transfer.credit_account]
    payer.debits += sense * transfer.amount
    payer.version += sense
    payee.credits += sense * transfer.amount
    payee.version += sense
    for account, direction in ((payer, Direction.OUT), (payee, Direction.IN)):
        profile = account.profile
        if profile is not None and transfer.operation not in GIVES_BACK:
            for key in profile.window_keys(direction, at).values():
                _count(account.usage, key, transfer.operation, sense * transfer.amount, sense)


def _count(usage: Counters, key: WindowKey, operation: Operation, amount: int, count: int) -> None:
    counter = usage.setdefault(key, {}).setdefault(operation, [0, 0, 0, 0])
    counter[0] += amount
    counter[1] += count
    counter[2] += amount
    counter[3] += count
