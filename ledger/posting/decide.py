"""The decision: which transfers of a batch are posted and which refused, in order. Pure: no database.

Works on the locked accounts and their usage as read; what it leaves in them is what posting writes. Rules are
asked in one order: account state, funds, ceilings, the payer's limits, the payee's limits, the receipt that
e-money is issued against. Accounts are found by the integer of their id: Python's UUID hashes and compares in
Python, several times slower.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from emoney.ledger.limits.rules import (
    Direction,
    Headroom,
    Metric,
    OnExceed,
    Scope,
    first_exceeded,
)
from emoney.ledger.posting.account_state import Accounts, AccountState
from emoney.ledger.transfers.operations import GIVES_BACK
from emoney.ledger.transfers.transfer import Outcome, Refusal, Transfer

_IN, _OUT = Direction.IN, Direction.OUT  # each look-up of a member costs as much as a call
_WALLET = Scope.WALLET
_TOLERATED = OnExceed.ALLOW_UNTIL_END_OF_DAY

LEDGER_RULE = "ledger rule"
"""The source of refusals that no law is behind."""
FUNDS = "funds"
"""The rule of an account that would fall below its floor."""


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
    return [
        Outcome((t := d.transfer).id, d.refusal if isinstance(d, Rejected) else None, False, t.key)
        for d in decisions
    ]


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
    refusal = why_refused(transfer, payer, payee, at) or _receipt_refusal(transfer, payer, payee)
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
    return Refusal(FUNDS, "deny", LEDGER_RULE, account.floor, None, max(0, available))


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


def _receipt_refusal(transfer: Transfer, payer: AccountState, payee: AccountState) -> Refusal | None:
    """E-money comes into being against money received; an account of funds that issues has its funding."""
    if payer.funding is None or payee.sign > 0:
        return None
    short = payer.funding.short(transfer.operation, transfer.reference, transfer.amount)
    if short is None:
        return None
    return Refusal(short.rule, "deny", LEDGER_RULE, short.limit, short.used, short.headroom)


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
    if payer.funding is not None and payee.sign < 0:
        payer.funding.draw(transfer.operation, transfer.reference, amount)


def count_usage(
    transfer: Transfer, payer: AccountState, payee: AccountState, at: datetime, sense: int = 1
) -> None:
    """Count a transfer, or the hold for one, on both sides; with `sense` -1, take it back."""
    operation, amount = transfer.operation, sense * transfer.amount
    if operation in GIVES_BACK:
        return
    profile = payer.profile
    if profile is not None:
        payer.count(_OUT, operation, amount, sense, profile.local_day(at), payee.id)
    profile = payee.profile
    if profile is not None:
        payee.count(_IN, operation, amount, sense, profile.local_day(at), payer.id)
