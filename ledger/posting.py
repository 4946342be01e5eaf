"""Posting: a batch of transfers becomes outcomes, in five phases and a fixed number of round trips.

| phase  | what happens                                                        | round trips            |
|--------|---------------------------------------------------------------------|------------------------|
| claim  | the ids not seen before are taken; others get their earlier outcome | 1, shared with lock    |
| lock   | the accounts, once each and in id order, and only then read         | 0 (+1 for replayed ids)|
| read   | the usage counters that these accounts' profiles keep               | 1 if any has a profile |
| decide | `ledger.decide`, in Python, in order                                | 0                      |
| write  | transfers by COPY (entries and balances follow in the database's    | 1 to 3                 |
|        | trigger), refusals by COPY, usage counters                          |                        |
| commit | the caller's transaction ends                                       | 1                      |

Locks: claims first, accounts second, each in id order, so two batches never wait for each other in a circle.
The lock of an account covers its usage counters: wallets' counters are written by no one else.

Bounds: BATCH_MAX transfers a call. Memory: a few kilobytes per transfer of the batch, nothing kept after it.

Places of what follows: holds add pending sums to the accounts read here; a scope above the wallet (a
person's) is locked beside the accounts; the outbox and the proof log's leaves are written with the transfers.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from ledger import watermark
from ledger.clock import Clock
from ledger.database import Connection
from ledger.decide import Accepted, AccountState, Decision, Rejected, decide
from ledger.errors import (
    BatchTooLarge,
    CurrencyMismatch,
    IdempotencyConflict,
    IntegrityViolation,
    InvalidInput,
    UnknownAccount,
)
from ledger.limits import Direction, Window, WindowKey
from ledger.operations import Operation
from ledger.profiles import ProfileCache
from ledger.queries import queries_beside
from ledger.transfers import Outcome, Refusal, Transfer

BATCH_MAX = 10_000

_queries = queries_beside(__file__)

_TRANSFER_TYPES = [
    "uuid",
    "uuid",
    "uuid",
    "int8",
    "text",
    "text",
    "text",
    "uuid",
    "timestamptz",
    "timestamptz",
] + ["int8"] * 4
_WINDOWS = {window.value: window for window in Window}
_DIRECTIONS = {direction.value: direction for direction in Direction}
_OPERATIONS = {operation.value: operation for operation in Operation}
_REFUSAL_TYPES = [
    *_TRANSFER_TYPES[:10],
    "text",
    "text",
    "text",
    "jsonb",
]


def post(
    connection: Connection, transfers: Sequence[Transfer], clock: Clock, profiles: ProfileCache
) -> list[Outcome]:
    """Post `transfers` in the connection's transaction; one outcome each, in their order.

    Nothing is committed here. Raises InvalidInput or a subclass for what no ledger state could accept, in
    which case the caller must roll back; IntegrityViolation when the database contradicts the decision.
    """
    unique = _check(transfers)
    hashes = {transfer.id: transfer.content_hash() for transfer in unique.values()}
    sides = {side for t in unique.values() for side in (t.debit_account, t.credit_account)}
    fresh, locked = claim_and_lock(connection, hashes, sides)
    outcomes = _earlier_outcomes(connection, hashes, fresh)
    _check_groups(unique, fresh)
    todo = [transfer for transfer in unique.values() if transfer.id in fresh]
    if todo:
        now = moment(clock, locked)
        states = states_for(connection, todo, locked, profiles, now)
        watermark.check_open(connection, todo, now)
        decisions = decide(todo, states, now)
        write(connection, decisions, states.values(), now)
        for decision in decisions:
            refusal = decision.refusal if isinstance(decision, Rejected) else None
            outcomes[decision.transfer.id] = Outcome(decision.transfer.id, refusal)
    return _in_order(transfers, outcomes)


def claim_and_lock(
    connection: Connection, hashes: Mapping[UUID, bytes], accounts: Iterable[UUID]
) -> tuple[AbstractSet[UUID], list[tuple[Any, ...]]]:
    """Claim the ids not seen before and lock the accounts; gives these ids and the accounts as they stand."""
    ids, locked = _array(hashes), _array(accounts)
    with connection.pipeline():
        claimed = connection.execute(
            _queries.claim.sql,
            {"ids": ids, "hashes": _array(map(bytes.hex, hashes.values())), "sent": len(hashes)},
        )
        read = _lock_and_read(connection, locked)
    taken = claimed.fetchone()
    fresh = hashes.keys() if taken is None or taken[0] is None else set(taken[0])
    return fresh, read.fetchall()


def lock(connection: Connection, accounts: Iterable[UUID]) -> list[tuple[Any, ...]]:
    """Lock the accounts; gives them as they stand."""
    with connection.pipeline():
        read = _lock_and_read(connection, _array(accounts))
    return read.fetchall()


def _lock_and_read(connection: Connection, accounts: str) -> psycopg.Cursor[tuple[Any, ...]]:
    """Within a pipeline: one flush, two statements, the second of which sees what the lock waited for."""
    connection.execute(_queries.lock_accounts.sql, {"accounts": accounts})
    return connection.execute(_queries.read_accounts.sql, {"accounts": accounts}, binary=True)


def moment(clock: Clock, rows: list[tuple[Any, ...]]) -> datetime:
    """The posting time for these locked accounts: never before what was last posted on one of them.

    So the entries of an account are in order of time even where two writers' clocks differ.
    """
    last: list[datetime] = [row[-2] for row in rows if row[-2] is not None]
    return max([clock(), *last])


def states_for(
    connection: Connection,
    transfers: Sequence[Transfer],
    rows: list[tuple[Any, ...]],
    profiles: ProfileCache,
    now: datetime,
) -> dict[UUID, AccountState]:
    """The locked accounts as the decision needs them, with their limits and what these have counted.

    Raises UnknownAccount, CurrencyMismatch, InvalidInput for transfers that these accounts cannot make.
    """
    states = _account_states(connection, rows, profiles)
    _check_accounts(transfers, states)
    _read_usage(connection, transfers, states, now)
    return states


def _check(transfers: Sequence[Transfer]) -> dict[UUID, Transfer]:
    """The batch without repetitions, after checking everything that needs no database."""
    if len(transfers) > BATCH_MAX:
        raise BatchTooLarge(f"{len(transfers)} transfers in one batch; {BATCH_MAX} are the most")
    unique: dict[UUID, Transfer] = {}
    ended_groups: set[UUID] = set()
    group: UUID | None = None
    for transfer in transfers:
        transfer.check()
        if unique.setdefault(transfer.id, transfer) != transfer:
            raise IdempotencyConflict(f"transfer {transfer.id} stands twice in the batch, with other content")
        if transfer.group != group:
            if group is not None:
                ended_groups.add(group)
            group = transfer.group
            if group in ended_groups:
                raise InvalidInput(f"group {group} is interrupted; its transfers must follow each other")
    return unique


def _earlier_outcomes(
    connection: Connection, hashes: dict[UUID, bytes], fresh: AbstractSet[UUID]
) -> dict[UUID, Outcome]:
    """The outcomes of ids claimed by an earlier call. Raises IdempotencyConflict for other content."""
    seen = [transfer_id for transfer_id in hashes if transfer_id not in fresh]
    outcomes: dict[UUID, Outcome] = {}
    if not seen:
        return outcomes
    for transfer_id, content_hash, posted, rule, decision, source, numbers in connection.execute(
        _queries.earlier_outcomes.sql, {"ids": _array(seen)}
    ):
        if content_hash != hashes[transfer_id]:
            raise IdempotencyConflict(
                f"transfer {transfer_id} was sent before with other content; a new transfer needs a new id"
            )
        if posted is not (rule is None):
            raise IntegrityViolation(
                f"transfer {transfer_id} was claimed but has not one outcome: see trial balance"
            )
        refusal = None if rule is None else Refusal(rule, decision, source, **numbers)
        outcomes[transfer_id] = Outcome(transfer_id, refusal, replayed=True)
    return outcomes


def _check_groups(unique: dict[UUID, Transfer], fresh: AbstractSet[UUID]) -> None:
    """A group is sent whole, at a retry too: one that grew could not stand or fall together."""
    sent = {(transfer.group, transfer.id in fresh) for transfer in unique.values() if transfer.group}
    if len(sent) == len({group for group, _ in sent}):
        return
    for group, _ in sent:
        if {(group, True), (group, False)} <= sent:
            raise IdempotencyConflict(f"group {group} was sent before with fewer transfers; send it whole")


def _account_states(
    connection: Connection, rows: list[tuple[Any, ...]], profiles: ProfileCache
) -> dict[UUID, AccountState]:
    known = profiles.get(connection, (row[-1] for row in rows if row[-1] is not None))
    return {
        row[0]: AccountState(*(*row[:-1], known[row[-1]] if row[-1] is not None else None)) for row in rows
    }


def _check_accounts(transfers: Sequence[Transfer], accounts: dict[UUID, AccountState]) -> None:
    for transfer in transfers:
        for account_id in (transfer.debit_account, transfer.credit_account):
            account = accounts.get(account_id)
            if account is None:
                raise UnknownAccount(f"transfer {transfer.id}: there is no account {account_id}")
            if account.currency != transfer.currency:
                raise CurrencyMismatch(
                    f"transfer {transfer.id}: {transfer.currency} cannot move on account {account_id}, "
                    f"which holds {account.currency}"
                )
        issues = accounts[transfer.debit_account].sign > 0 > accounts[transfer.credit_account].sign
        if issues and transfer.reference is None:
            raise InvalidInput(
                f"transfer {transfer.id}: raises funds and what is owed for them, which issues value; "
                "name the receipt in reference"
            )


def _read_usage(
    connection: Connection, transfers: Sequence[Transfer], accounts: dict[UUID, AccountState], now: datetime
) -> None:
    """Fill each account's `usage` with the counters of every window that its limits may look into."""
    asked: set[UUID] = set()
    starts: set[date] = set()
    for transfer in transfers:
        at = transfer.effective_at or now
        sides = ((transfer.debit_account, Direction.OUT), (transfer.credit_account, Direction.IN))
        for account_id, direction in sides:
            profile = accounts[account_id].profile
            if profile is not None and (keys := profile.window_keys(direction, at)):
                asked.add(account_id)
                starts.update([starts_on for _, starts_on, _ in keys.values()])
    if not asked:
        return
    rows = connection.execute(
        _queries.read_usage.sql, {"accounts": _array(asked), "starts": _array(starts)}, binary=True
    )
    for account_id, starts_on, span, direction, operation, amount, count in rows:
        key = (_WINDOWS[span], starts_on, _DIRECTIONS[direction])
        counter = accounts[account_id].usage.setdefault(key, {})
        counter[_OPERATIONS[operation]] = [amount, count, 0, 0]


def write(
    connection: Connection,
    decisions: Sequence[Decision],
    accounts: Iterable[AccountState],
    now: datetime,
) -> None:
    """Write what was decided: transfers, refusals, and what the accounts' counters gained."""
    accepted = [decision for decision in decisions if isinstance(decision, Accepted)]
    rejected = [decision for decision in decisions if isinstance(decision, Rejected)]
    try:
        if accepted:
            _copy_transfers(connection, accepted, now)
        if rejected:
            _copy_refusals(connection, rejected, now)
        _add_usage(connection, accounts)
    except OverflowError as error:
        raise IntegrityViolation(
            "The sums of an account are beyond the ledger's bound; nothing was written"
        ) from error
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        watermark.raise_if_closed(error)
        why = error.diag.message_primary
        raise IntegrityViolation(f"The database refused the batch: {why}") from error


def _add_usage(connection: Connection, accounts: Iterable[AccountState]) -> None:
    """What the batch added, by window and operation: few of these, each for many accounts."""
    moved: dict[tuple[WindowKey, Operation], tuple[list[UUID], list[int], list[int]]] = {}
    for account in accounts:
        for key, counter in account.usage.items():
            for operation, (_, _, amount, count) in counter.items():
                if count:
                    ids, amounts, counts = moved.setdefault((key, operation), ([], [], []))
                    ids.append(account.id)
                    amounts.append(amount)
                    counts.append(count)
    with connection.pipeline():
        for ((window, starts_on, direction), operation), (ids, amounts, counts) in moved.items():
            connection.execute(
                _queries.add_usage.sql,
                {
                    "span": window.value,
                    "starts_on": starts_on,
                    "direction": direction.value,
                    "operation": operation.value,
                    "accounts": _array(ids),
                    "amounts": _array(amounts),
                    "counts": _array(counts),
                },
            )


def _array(values: Iterable[UUID | date | int | str]) -> str:
    """A PostgreSQL array literal of values that need no quoting: ids, dates, numbers, names of ours.

    Several times quicker than the driver's general one, which matters at thousands of values a batch.
    """
    return "{" + ",".join(map(str, values)) + "}"


def _copy_transfers(connection: Connection, accepted: list[Accepted], now: datetime) -> None:
    with connection.cursor().copy(_queries.copy_transfers.sql) as copy:
        copy.set_types(_TRANSFER_TYPES)
        for a in accepted:
            copy.write_row(
                (
                    *_request_row(a.transfer),
                    a.effective_at,
                    now,
                    a.debit_version,
                    a.debit_balance,
                    a.credit_version,
                    a.credit_balance,
                )
            )


def _copy_refusals(connection: Connection, rejected: list[Rejected], now: datetime) -> None:
    with connection.cursor().copy(_queries.copy_refusals.sql) as copy:
        copy.set_types(_REFUSAL_TYPES)
        for r in rejected:
            numbers = {"limit": r.refusal.limit, "used": r.refusal.used, "headroom": r.refusal.headroom}
            why = (r.refusal.rule, r.refusal.decision, r.refusal.source, Jsonb(numbers))
            copy.write_row((*_request_row(r.transfer), r.effective_at, now, *why))


def _request_row(t: Transfer) -> tuple[Any, ...]:
    return (
        t.id,
        t.debit_account,
        t.credit_account,
        t.amount,
        t.currency,
        t.operation.value,
        t.reference,
        t.group,
    )


def _in_order(transfers: Sequence[Transfer], outcomes: dict[UUID, Outcome]) -> list[Outcome]:
    """One outcome per transfer sent; an id sent twice in the batch is a replay the second time."""
    returned: set[UUID] = set()
    result = []
    for transfer in transfers:
        outcome = outcomes[transfer.id]
        if transfer.id in returned and not outcome.replayed:
            outcome = Outcome(outcome.transfer_id, outcome.refusal, replayed=True)
        returned.add(transfer.id)
        result.append(outcome)
    return result
