"""Posting: a batch of transfers becomes outcomes, in five phases and a fixed number of round trips.

| phase  | what happens                                                        | round trips            |
|--------|---------------------------------------------------------------------|------------------------|
| lock   | the accounts, once each and in id order, read as the lock finds     | 1, shared with claim   |
|        | them, with what their limits have counted                           | (+1 for days before,   |
|        |                                                                     | +2 or 3 for receipts)  |
| claim  | ids and groups not seen before are taken; others get their earlier  | 0 (+1 for replayed ids)|
|        | outcome                                                             |                        |
| decide | `decide`, in Python, in order                                       | 0                      |
| write  | all of it in one call, whose function writes and checks entries,    | 1                      |
|        | balances and usage                                                  |                        |
| commit | the caller's transaction ends                                       | 1                      |

Python works while PostgreSQL does: the accounts are made ready while the ids are claimed.

Locks: accounts first (and, under limits of a person, the other wallets of their holders), claims second, each
in id order; whoever waits for a claim waits for someone who has all accounts, so there is no deadlock. A
locking read gives rows as they are after the wait; other tables are read by later statements only, for the
wait does not refresh a statement's snapshot. The lock of an account covers its usage: no one else writes it.

Bounds: BATCH_MAX transfers a call. Memory: a few kilobytes per transfer of the batch, nothing kept after it.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from emoney.ledger.base.clock import Clock
from emoney.ledger.base.errors import (
    AccountClosed,
    BatchTooLarge,
    CurrencyMismatch,
    IdempotencyConflict,
    IntegrityViolation,
    InvalidInput,
    SplitGroup,
    UnknownAccount,
    WrongAccount,
)
from emoney.ledger.base.postgres.binary_arrays import Uuids
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.limits.profiles import ProfileCache
from emoney.ledger.limits.usage import Usage, read_days
from emoney.ledger.posting import closed_periods as watermark
from emoney.ledger.posting import expiry
from emoney.ledger.posting.account_state import Accounts, AccountState
from emoney.ledger.posting.decide import decide, outcomes_of
from emoney.ledger.posting.locks import Locked, lock_and_claim, posting_time
from emoney.ledger.posting.write import write
from emoney.ledger.receipts import funding
from emoney.ledger.transfers.metadata import as_text
from emoney.ledger.transfers.sides import ISSUES, SIDES, described
from emoney.ledger.transfers.transfer import (
    Outcome,
    Refusal,
    Transfer,
    claim_of_group,
    claimed,
    lone_legs,
    no_transfer,
)

BATCH_MAX = 10_000

_queries = queries_beside(__file__)


@reads_tuples
def post(
    connection: Connection,
    transfers: Sequence[Transfer],
    clock: Clock,
    profiles: ProfileCache,
    *,
    history: bool = False,
) -> list[Outcome]:
    """Post `transfers` in the connection's transaction; one outcome each, in their order.

    `history`: what counts on days before is under the limits of those alone, which takes the import's right.

    Nothing is committed here. Raises InvalidInput or a subclass for what no ledger state could accept, in
    which case the caller rolls back (`Ledger.post_in` does, to where it began); IntegrityViolation when the
    database contradicts the decision; ExpiredHolds, after which it is to be done again without these.
    """
    unique = check(transfers)
    sides = {side.int: side for t in unique for side in (t.debit_account, t.credit_account)}
    claims = dict.fromkeys(claimed(unique))
    fresh, locked = lock_and_claim(connection, list(sides.values()), claims, profiles)
    earlier = {} if len(fresh) == len(claims) else earlier_outcomes(connection, unique, fresh)
    check_groups(unique, fresh)
    todo = [transfer for transfer in unique if transfer.id in fresh] if earlier else unique
    now = posting_time(clock, locked)
    states = states_for(connection, todo, locked, now)
    decisions = list(decide(todo, states, now, bounded=not history))
    expiry.check(connection, decisions, states, now)
    write(connection, decisions, now)
    return in_order(transfers, outcomes_of(decisions), earlier)


def states_for(
    connection: Connection, transfers: Sequence[Transfer], locked: Locked, now: datetime
) -> Accounts:
    """The locked accounts as the decision needs them: with what limits have counted, and what may be issued.

    Raises what `check_accounts` does for transfers that these accounts cannot make; ClosedPeriod.
    """
    check_accounts(transfers, locked.states)
    _read_days(connection, transfers, locked, now)
    watermark.check_open(connection, transfers, now)
    _read_funding(connection, transfers, locked.states)
    return locked.states


def batch(transfers: object) -> int:
    """How many transfers a batch has. Raises InvalidInput for what is no list of them."""
    if type(transfers) is not list and not isinstance(transfers, Sequence):
        raise InvalidInput(f"a batch is a list of transfers, not a {type(transfers).__name__}")
    return len(transfers)


def check(transfers: Sequence[Transfer]) -> list[Transfer]:
    """The batch without repetitions, after checking everything that needs no database."""
    if (size := batch(transfers)) > BATCH_MAX:
        raise BatchTooLarge(f"{size} transfers in one batch; {BATCH_MAX} are the most")
    unique: dict[int, Transfer] = {}
    ended_groups: set[UUID] = set()
    group: UUID | None = None
    for transfer in transfers:
        if type(transfer) is not Transfer:
            raise no_transfer(transfer)
        transfer.check()
        first = unique.setdefault(transfer.id.int, transfer)
        if first is not transfer and first != transfer:
            raise IdempotencyConflict(f"transfer {transfer.id} stands twice in the batch, with other content")
        if transfer.group != group:
            if group is not None:
                ended_groups.add(group)
            group = transfer.group
            if group in ended_groups:
                raise SplitGroup(f"group {group} is interrupted; its transfers must follow each other")
    return list(unique.values())


@reads_tuples
def earlier_outcomes(
    connection: Connection, unique: Sequence[Transfer], fresh: AbstractSet[UUID]
) -> dict[UUID, Outcome]:
    """The outcomes of ids claimed by an earlier call. Raises IdempotencyConflict for other content."""
    outcomes: dict[UUID, Outcome] = {}
    seen = {transfer.id: transfer for transfer in unique if transfer.id not in fresh}
    if not seen:
        return outcomes
    for transfer_id, of_a_transfer, posted, rule, decision, source, numbers, *stored in connection.execute(
        _queries.earlier_outcomes.sql, {"ids": Uuids.of(seen)}
    ):
        if of_a_transfer and posted is not (rule is None):
            raise IntegrityViolation(
                f"transfer {transfer_id} was claimed but has not one outcome: see trial balance"
            )
        if not of_a_transfer or not _same(seen[transfer_id], stored):
            raise IdempotencyConflict(
                f"transfer {transfer_id} was sent before with other content; a new transfer needs a new id"
            )
        refusal = None if rule is None else Refusal(rule, decision, source, **numbers)
        outcomes[transfer_id] = Outcome(transfer_id, refusal, replayed=True, key=seen[transfer_id].key)
    return outcomes


def _same(sent: Transfer, stored: Sequence[Any]) -> bool:
    """Whether a transfer is the one that was decided, whose effective time may have been filled in."""
    *content, effective_at, decided_at, key, metadata = stored
    told = [sent.debit_account, sent.credit_account, sent.amount, sent.currency, sent.operation.value]
    told += [sent.reference, sent.group]
    return (
        content == told
        and effective_at == (sent.effective_at or decided_at)
        and key == sent.key
        and (metadata is sent.metadata or as_text(metadata) == as_text(sent.metadata))
    )


def check_groups(unique: Sequence[Transfer], fresh: AbstractSet[UUID]) -> None:
    """A group is sent whole and in one batch, at a retry too: else it could not stand or fall together."""
    sent = {(transfer.group, transfer.id in fresh) for transfer in unique if transfer.group}
    for group, new in sent:
        if group and new and ((group, False) in sent or claim_of_group(group) not in fresh):
            raise SplitGroup(
                f"group {group} was sent before with other transfers; send it whole, as a new group "
                "of new ids"
            )


class Impossible(Exception):
    """Transfers that no state of their accounts lets be made. `errors`: of each, by its id."""

    def __init__(self, errors: Mapping[UUID, InvalidInput]) -> None:
        self.errors = errors


def check_accounts(transfers: Sequence[Transfer], accounts: Accounts) -> None:
    """Raise the first error of `impossible`, which names the others of the batch, too."""
    if errors := impossible(transfers, accounts):
        raise first_of(errors)


def first_of(errors: Mapping[UUID, InvalidInput]) -> InvalidInput:
    """An error to raise like the first of these, which names them all."""
    first = next(iter(errors.values()))
    made = type(first)(*first.args)
    made.transfers = errors
    return made


def impossible(transfers: Sequence[Transfer], accounts: Accounts) -> dict[UUID, InvalidInput]:
    """The transfers that these accounts cannot make, whatever they hold, with the error of each.

    UnknownAccount, AccountClosed, CurrencyMismatch, WrongAccount, or InvalidInput for one leg of an exchange.
    """
    errors: dict[UUID, InvalidInput] = {}
    for transfer in transfers:
        payer = accounts.get(transfer.debit_account.int)
        payee = accounts.get(transfer.credit_account.int)
        if (
            payer is None
            or payee is None
            or payer.closed
            or payee.closed
            or not payer.currency == payee.currency == transfer.currency
            or (payer.kind, payee.kind) not in SIDES[transfer.operation]
        ):
            errors[transfer.id] = _why_impossible(transfer, payer, payee)
    return errors | lone_legs(transfers)


def _why_impossible(
    transfer: Transfer, payer: AccountState | None, payee: AccountState | None
) -> InvalidInput:
    called = f"transfer {transfer.id}"
    if payer is None or payee is None:
        missing = transfer.debit_account if payer is None else transfer.credit_account
        return UnknownAccount(f"{called}: there is no account {missing}")
    if payer.closed or payee.closed:
        closed = payer if payer.closed else payee
        return AccountClosed(f"{called}: account {closed.id} is closed; it takes no transfer")
    if not payer.currency == payee.currency == transfer.currency:
        other = payer if payer.currency != transfer.currency else payee
        return CurrencyMismatch(
            f"{called}: {transfer.currency} cannot move on account {other.id}, which holds {other.currency}"
        )
    return WrongAccount(f"{called}: {described(transfer.operation)}, not from {payer.kind} to {payee.kind}")


def _read_days(connection: Connection, transfers: Sequence[Transfer], locked: Locked, now: datetime) -> None:
    """Read what limits ask of days that are over, or of payees, where these transfers make them ask."""
    usages: dict[UUID, Usage] = {}
    others: set[UUID] = set()
    since = date.max
    for transfer in transfers:
        payer = locked.states[transfer.debit_account.int]
        payee = locked.states[transfer.credit_account.int]
        for account, other in ((payer, payee), (payee, payer)):
            if account.usage is None or account.profile is None:
                continue
            today = account.profile.local_day(now)
            day = account.profile.local_day(transfer.effective_at or now)
            if account.usage.layout.payee_slots:
                usages[account.id] = account.usage
                others.add(other.id)
                since = min(since, account.usage.first_day(day))
            for each in (account, *account.siblings):
                if each.usage is not None and (day != today or each.usage.asks_for_days(day)):
                    usages[each.id] = each.usage
                    since = min(since, each.usage.first_day(day), each.usage.first_day(today))
    if usages:
        read_days(connection, usages, others, since)


def _read_funding(connection: Connection, transfers: Sequence[Transfer], accounts: Accounts) -> None:
    """What may be issued, for the accounts on which these transfers issue."""
    if not any(account.sign > 0 for account in accounts.values()):
        return
    issued: dict[UUID, set[str]] = {}
    for transfer in transfers:
        if transfer.operation in ISSUES and accounts[transfer.debit_account.int].sign > 0:
            issued.setdefault(transfer.debit_account, set()).add(transfer.reference or "")
    if issued:
        for account_id, found in funding.read(connection, issued).items():
            accounts[account_id.int].funding = found


def in_order(
    transfers: Sequence[Transfer],
    outcomes: list[Outcome],
    earlier: Mapping[UUID, Outcome] = MappingProxyType({}),
) -> list[Outcome]:
    """One outcome per transfer sent; an id sent twice in the batch is a replay the second time."""
    if len(outcomes) == len(transfers):
        return outcomes
    known = {**earlier, **{outcome.transfer_id: outcome for outcome in outcomes}}
    returned: set[UUID] = set()
    result = []
    for transfer in transfers:
        outcome = known[transfer.id]
        if transfer.id in returned and not outcome.replayed:
            outcome = replace(outcome, replayed=True)
        returned.add(transfer.id)
        result.append(outcome)
    return result
