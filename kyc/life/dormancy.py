"""Dormancy: a wallet long unused goes, step by step and on its dates, from a notice to the state.

| stage      | begins                                       | what happens                                 |
|------------|----------------------------------------------|----------------------------------------------|
| notified   | a month before twelve inactive months        | the holder is told (event)                   |
| blocked    | twelve inactive months                       | the wallet is frozen                         |
| told       | two working days after the block             | the holder is told how to reactivate (event) |
| terminated | twelve months after the block                | the balance moves to the dormant account     |
| escheated  | forty-eight months after the block           | it moves on to the escheat account           |
| ended      | the holder uses the wallet or reactivates it | the balance comes back, the wallet is free   |

The periods are a pack's (`kyc.life.dormancy_rules`; those above are Ghana's, Act 987). Litigation,
investigations, liens and errors stop the clock. One wallet and one step, one transaction: what moves and what
is recorded stand together. A step that was missed is made at the next run, one a run.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from itertools import chain
from typing import Any, Literal
from uuid import UUID

from sqlmodel import col, select

from emoney.kyc.errors import InvalidStep, NotIdentified, UnknownWallet
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.life.calendar_days import moment_months_after, working_days_after
from emoney.kyc.life.dormancy_rules import DormancyRule, DormancyRules
from emoney.kyc.life.tables import DormancyExemptionRow, DormancyRow, DormancyStepRow
from emoney.kyc.packs.library import PackLibrary
from emoney.kyc.wallets import freezing
from emoney.kyc.wallets.tables import WalletRow
from emoney.ledger import outbox
from emoney.ledger.accounts import account as accounts
from emoney.ledger.accounts.account import Account
from emoney.ledger.accounts.tables import AccountRow
from emoney.ledger.base.clock import Clock, from_then
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor, Reason
from emoney.ledger.base.paging import FIRST, PAGE_ROWS, pages
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.base.progress import Progress, silent
from emoney.ledger.ledger import Ledger
from emoney.ledger.transfers.chart import AccountKind
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.transfer import Transfer

_JOB = "dormancy"

_queries = queries_beside(__file__)

Ground = Literal["litigation", "fraud_investigation", "lien", "error_under_investigation"]


class DormancyStage(StrEnum):
    """Where a wallet stands on its way."""

    NOTIFIED = "notified"
    BLOCKED = "blocked"
    TOLD = "told"
    TERMINATED = "terminated"
    ESCHEATED = "escheated"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class _DormantWallet:
    account_id: UUID
    pack: str
    person_id: UUID | None
    stage: DormancyStage | None
    inactive_since: datetime | None
    blocked_at: datetime | None
    next_at: datetime | None
    amount: int


def run(
    ledger: Ledger,
    rules: DormancyRules,
    at: datetime,
    *,
    progress: Progress = silent,
    clock: Clock | None = None,
) -> dict[str, int]:
    """Make every step that is due at `at`; returns how many wallets came to each stage, and those skipped.

    Skipped: exempt, with money reserved by a hold that is not over, or frozen for another cause. `clock`: for
    a run of more than a moment (`ledger.base.clock.from_then`).
    """
    made: dict[str, int] = {}
    now = from_then(at, clock)
    for account_id in _due(ledger, at):
        done = ledger.run(partial(_advance, ledger, account_id, rules, now()))
        made[done] = made.get(done, 0) + 1
        progress("dormancy", sum(made.values()), None)
    for pack, rule in rules.packs.items():
        begins = rule.inactive_months - rule.notice_months_before
        inactive = pages(ledger.database, _queries.inactive.sql, {"pack": pack})
        for account_id, last in chain.from_iterable(inactive):
            if moment_months_after(last, begins) <= at:
                done = ledger.run(partial(_notify, account_id, rule, now()))
                made[done] = made.get(done, 0) + 1
                progress("dormancy", sum(made.values()), None)
    return made


def reactivate(
    ledger: Ledger,
    account_id: UUID,
    rules: DormancyRules,
    *,
    packs: PackLibrary,
    actor: str,
    reason: str,
    at: datetime,
) -> int:
    """Let the holder, who is identified again, use the wallet; returns what came back, in minor units.

    Raises UnknownWallet, InvalidStep when the wallet is not on its way or its money went to the state,
    NotIdentified when none of the evidence that the rule asks for is verified.
    """

    def work(connection: Connection) -> int:
        wallet = _lock(connection, account_id)
        if wallet.stage in (None, DormancyStage.ENDED):
            raise InvalidStep(f"wallet {account_id} is not dormant")
        if wallet.stage is DormancyStage.ESCHEATED:
            raise InvalidStep(f"the money of wallet {account_id} went to the state, which holds the claim")
        rule = _rule(rules, wallet)
        known = evidence_records.of_person(connection, wallet.person_id) if wallet.person_id else []
        day = packs.pack(wallet.pack).local_day(at)
        if wallet.stage is not DormancyStage.NOTIFIED and not evidence_records.verified(
            known, day, frozenset(rule.reactivated_by)
        ):
            raise NotIdentified(f"reactivation takes one of {', '.join(rule.reactivated_by)}, verified")
        held = accounts.get(connection, account_id)
        transfer = None
        _move(connection, wallet, DormancyStage.ENDED, None, 0)
        if wallet.amount:
            freezing.open_for_a_moment(connection, account_id, actor=actor, reason=reason, at=at)
            dormant = _chart_account(connection, AccountKind.DORMANT, held.currency, at)
            transfer = _post(
                ledger, connection, dormant, account_id, wallet.amount, held.currency, "reactivated"
            )
        freezing.settle(connection, account_id, actor=actor, reason=reason, at=at)
        _record(connection, wallet, DormancyStage.ENDED, rule, transfer, wallet.amount, actor, reason, at)
        return wallet.amount

    return ledger.run(work)


@all_or_nothing
def exempt(
    connection: Connection, account_id: UUID, ground: Ground, *, actor: str, reason: str, at: datetime
) -> None:
    """Stop the clock of a wallet: no step is made until `end_exemption`. Raises UnknownWallet."""
    exemption = DormancyExemptionRow(
        id=new_id(),
        account_id=account_id,
        ground=ground,
        recorded_by=Actor(actor),
        reason=Reason(reason),
        since=at,
    )
    _lock(connection, account_id)
    add(connection, exemption)


@all_or_nothing
def end_exemption(connection: Connection, account_id: UUID, ground: Ground, *, at: datetime) -> bool:
    """Let the clock run again; False when it was not stopped on this ground."""
    about = {"account": account_id, "ground": ground, "at": at}
    return connection.execute(_queries.end_exemption.sql, about).rowcount > 0


def listed(connection: Connection, *, after: UUID = FIRST, most: int = PAGE_ROWS) -> list[dict[str, Any]]:
    """The wallets on their way, in id order, each with its steps."""
    id_ = col(DormancyRow.account_id)
    of = select(DormancyRow, AccountRow.external_ref, AccountRow.currency, WalletRow.pack_id)
    of = of.join(WalletRow, col(WalletRow.account_id) == id_).join(AccountRow, col(AccountRow.id) == id_)
    of = of.where(col(DormancyRow.stage) != DormancyStage.ENDED.value, id_ > after)
    return [
        {
            "account": row.account_id,
            "wallet": reference,
            "pack": pack,
            "stage": row.stage,
            "inactive_since": row.inactive_since,
            "next_at": row.next_at,
            "amount": row.amount,
            "currency": currency,
            "steps": steps(connection, row.account_id),
        }
        for row, reference, currency, pack in read(connection, of.order_by(id_).limit(most))
    ]


def steps(connection: Connection, account_id: UUID) -> list[dict[str, Any]]:
    """Every step of a wallet, the first one first."""
    of = select(DormancyStepRow).where(DormancyStepRow.account_id == account_id)
    return [
        {
            "stage": row.stage,
            "transfer": row.transfer_id,
            "amount": row.amount,
            "source": row.source,
            "reason": row.reason,
            "actor": row.made_by,
            "at": row.made_at,
        }
        for row in read(connection, of.order_by(col(DormancyStepRow.made_at), col(DormancyStepRow.id)))
    ]


def _notify(account_id: UUID, rule: DormancyRule, at: datetime, connection: Connection) -> str:
    wallet = _lock(connection, account_id)
    last = _last_doing(connection, account_id)
    if wallet.stage not in (None, DormancyStage.ENDED) or _exempt(connection, account_id):
        return "skipped"
    if moment_months_after(last, rule.inactive_months - rule.notice_months_before) > at:
        return "skipped"  # used while we looked
    # never less than the notice that the rule gives, however late the notice comes
    blocked_from = max(
        moment_months_after(last, rule.inactive_months), moment_months_after(at, rule.notice_months_before)
    )
    connection.execute(_queries.begin.sql, {"account": account_id, "since": last, "next_at": blocked_from})
    _record(connection, wallet, DormancyStage.NOTIFIED, rule, None, 0, _JOB, "inactive", at, blocked_from)
    return DormancyStage.NOTIFIED.value


def _advance(
    ledger: Ledger, account_id: UUID, rules: DormancyRules, at: datetime, connection: Connection
) -> str:
    """The one step that is due, if it still is."""
    wallet = _lock(connection, account_id)
    if wallet.next_at is None or wallet.next_at > at or _exempt(connection, account_id):
        return "skipped"
    rule = _rule(rules, wallet)
    if wallet.stage is DormancyStage.NOTIFIED:
        last = _last_doing(connection, account_id)
        if wallet.inactive_since is not None and last > wallet.inactive_since:
            _move(connection, wallet, DormancyStage.ENDED, None, 0)
            _record(connection, wallet, DormancyStage.ENDED, rule, None, 0, _JOB, "used again", at)
            return DormancyStage.ENDED.value
        told = working_days_after(at, rule.told_after_working_days, rule.holidays)
        _move(connection, wallet, DormancyStage.BLOCKED, told, 0, blocked_at=at)
        freezing.settle(connection, account_id, actor=_JOB, reason="inactive", at=at)
        _record(connection, wallet, DormancyStage.BLOCKED, rule, None, 0, _JOB, "inactive", at, told)
        return DormancyStage.BLOCKED.value
    assert wallet.blocked_at is not None
    if wallet.stage is DormancyStage.BLOCKED:
        next_at = moment_months_after(wallet.blocked_at, rule.terminate_months)
        _move(connection, wallet, DormancyStage.TOLD, next_at, 0)
        _record(connection, wallet, DormancyStage.TOLD, rule, None, 0, _JOB, "how to reactivate", at, next_at)
        return DormancyStage.TOLD.value
    held = accounts.get(connection, account_id, at)
    if wallet.stage is DormancyStage.TOLD:
        return _terminate(ledger, connection, wallet, held, rule, at)
    transfer = None
    if wallet.amount:
        dormant = _chart_account(connection, AccountKind.DORMANT, held.currency, at)
        escheat = _chart_account(connection, AccountKind.ESCHEAT, held.currency, at)
        transfer = _post(ledger, connection, dormant, escheat, wallet.amount, held.currency, str(account_id))
    _move(connection, wallet, DormancyStage.ESCHEATED, None, wallet.amount)
    _record(connection, wallet, DormancyStage.ESCHEATED, rule, transfer, wallet.amount, _JOB, "unclaimed", at)
    return DormancyStage.ESCHEATED.value


def _terminate(
    ledger: Ledger,
    connection: Connection,
    wallet: _DormantWallet,
    held: Account,
    rule: DormancyRule,
    at: datetime,
) -> str:
    if held.available != held.balance:
        return "skipped"  # a hold is not over: the whole moves, or nothing
    if freezing.held_by_others(connection, wallet.account_id)[0]:
        return (
            "skipped"  # a court, an investigation, the operator or the holder's estate keeps the money there
        )
    assert wallet.blocked_at is not None
    next_at = moment_months_after(wallet.blocked_at, rule.escheat_months)
    transfer = None
    if held.balance:
        freezing.open_for_a_moment(connection, wallet.account_id, actor=_JOB, reason="dormant", at=at)
        dormant = _chart_account(connection, AccountKind.DORMANT, held.currency, at)
        transfer = _post(
            ledger, connection, wallet.account_id, dormant, held.balance, held.currency, "dormant"
        )
    _move(connection, wallet, DormancyStage.TERMINATED, next_at, held.balance)
    freezing.settle(connection, wallet.account_id, actor=_JOB, reason="inactive", at=at)
    _record(
        connection,
        wallet,
        DormancyStage.TERMINATED,
        rule,
        transfer,
        held.balance,
        _JOB,
        "inactive",
        at,
        next_at,
    )
    return DormancyStage.TERMINATED.value


def _due(ledger: Ledger, at: datetime) -> list[UUID]:
    """All at once: 16 bytes each, and the steps themselves change what is due."""
    with ledger.database.connection() as connection:
        due = select(DormancyRow.account_id).where(col(DormancyRow.next_at) <= at)
        return list(read(connection, due.order_by(col(DormancyRow.account_id))))


def _lock(connection: Connection, account_id: UUID) -> _DormantWallet:
    row = connection.execute(_queries.lock.sql, {"account": account_id}).fetchone()
    if row is None:
        raise UnknownWallet(f"account {account_id} is at no tier: enrol its holder or adopt it first")
    freezing.lock(connection, account_id)
    pack, person, stage, since, blocked, next_at, amount = row
    return _DormantWallet(
        account_id,
        pack,
        person,
        None if stage is None else DormancyStage(stage),
        since,
        blocked,
        next_at,
        amount or 0,
    )


def _rule(rules: DormancyRules, wallet: _DormantWallet) -> DormancyRule:
    rule = rules.packs.get(wallet.pack)
    if rule is None:
        raise InvalidStep(f"there is no dormancy rule for pack {wallet.pack} any more: restore it")
    return rule


def _last_doing(connection: Connection, account_id: UUID) -> datetime:
    [last] = connection.execute(_queries.last_doing.sql, {"account": account_id}).fetchone() or (None,)
    assert isinstance(last, datetime)
    return last


def _exempt(connection: Connection, account_id: UUID) -> bool:
    of = select(DormancyExemptionRow.id).where(DormancyExemptionRow.account_id == account_id)
    return bool(read(connection, of.where(col(DormancyExemptionRow.ended_at).is_(None)).limit(1)))


def _move(
    connection: Connection,
    wallet: _DormantWallet,
    stage: DormancyStage,
    next_at: datetime | None,
    amount: int,
    *,
    blocked_at: datetime | None = None,
) -> None:
    about = {"account": wallet.account_id, "stage": stage.value, "next_at": next_at, "amount": amount}
    connection.execute(_queries.move.sql, about | {"blocked_at": blocked_at or wallet.blocked_at})


def _record(
    connection: Connection,
    wallet: _DormantWallet,
    stage: DormancyStage,
    rule: DormancyRule,
    transfer: UUID | None,
    amount: int,
    actor: str,
    reason: str,
    at: datetime,
    next_at: datetime | None = None,
) -> None:
    """The step, and the event that tells it."""
    step = DormancyStepRow(
        id=new_id(),
        account_id=wallet.account_id,
        stage=stage.value,
        transfer_id=transfer,
        amount=amount,
        source=rule.source,
        reason=Reason(reason),
        made_by=Actor(actor),
        made_at=at,
    )
    add(connection, step)
    payload = {"amount": amount, "next_at": next_at.isoformat() if next_at else None}
    outbox.append(connection, f"wallet.dormancy_{stage.value}", wallet.account_id, payload, at=at)


def _chart_account(connection: Connection, kind: AccountKind, currency: str, at: datetime) -> UUID:
    """The ledger's account of this kind for dormant money in a currency, opened on first use."""
    ref = f"{kind.value}/{currency}"
    found = accounts.find(connection, [ref]).get(ref)
    if found is not None and found.kind is kind:
        return found.id
    account_id = new_id()
    accounts.open_accounts(connection, [accounts.NewAccount(account_id, kind, currency, at, ref)])
    return account_id


def _post(
    ledger: Ledger,
    connection: Connection,
    payer: UUID,
    payee: UUID,
    amount: int,
    currency: str,
    reference: str,
) -> UUID:
    """Move dormant money in the step's transaction. Raises InvalidStep when the ledger refuses it."""
    transfer = Transfer(new_id(), payer, payee, amount, currency, Operation.DORMANCY, reference)
    [outcome] = ledger.post_in(connection, [transfer])
    if outcome.refusal is not None:
        raise InvalidStep(f"the ledger refused transfer {transfer.id}: {outcome.refusal.rule}")
    return transfer.id
