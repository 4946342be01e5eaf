"""Expired holds: from its deadline on a hold binds neither funds nor limits, whether or not its job has run.

An account's row, which the database checks, has what holds reserve until an event ends them. So an expired
one can make the ledger refuse, and nothing else. Before a refusal for want of funds, or by a limit, the
expired holds of the accounts concerned are ended, each by its one event, and the same is decided again; what
is not refused costs nothing.

Locks: a hold is ended under the locks of both its accounts. What was done so far is undone first, which gives
its locks back; then these accounts and the call's own are locked together, in id order. Cost: two round trips
where a refused account has holds at all, five more and the decision again where some have expired.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from functools import wraps
from typing import ParamSpec, TypeVar
from uuid import UUID

import psycopg

from emoney.ledger.base.clock import raise_if_skewed
from emoney.ledger.base.errors import IntegrityViolation
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing, savepoint
from emoney.ledger.base.postgres.tuples import place_of_connection, reads_tuples
from emoney.ledger.limits.rules import Direction
from emoney.ledger.outbox import append_to_each
from emoney.ledger.posting.account_state import Accounts
from emoney.ledger.posting.decide import FUNDS, LEDGER_RULE, Decision, Rejected
from emoney.ledger.transfers.operations import GIVES_BACK, Operation

Given = ParamSpec("Given")
Result = TypeVar("Result")

_queries = queries_beside(__file__)


class ExpiredHolds(Exception):
    """Expired holds are in the way of a decision. `accounts`: those that it had locked; `at`: its time."""

    def __init__(self, accounts: Collection[UUID], at: datetime) -> None:
        super().__init__("expired holds are to be ended first")
        self.accounts, self.at = accounts, at


def without_expired(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """For a function that decides over its parameter `connection`: all or nothing, and done again without
    the expired holds that were in its way."""
    place = place_of_connection(function)

    @wraps(function)
    def decided(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        connection: Connection = kwargs["connection"] if "connection" in kwargs else args[place]  # type: ignore[assignment]
        while True:
            try:
                with savepoint(connection, own=True):
                    return function(*args, **kwargs)
            except ExpiredHolds as found:
                end(connection, found.accounts, found.at)

    return decided


def concerned(decisions: Iterable[Decision], accounts: Accounts) -> set[UUID]:
    """The accounts with holds in whose funds or limits these decisions found a reason to refuse."""
    found: set[UUID] = set()
    for decision in decisions:
        if not isinstance(decision, Rejected):
            continue
        payer = accounts[decision.transfer.debit_account.int]
        payee = accounts[decision.transfer.credit_account.int]
        if decision.refusal.rule == FUNDS:
            found.update({payer.id} if payer.reserved else ())
        elif decision.refusal.source != LEDGER_RULE:
            for side in (payer, payee):
                found.update(each.id for each in (side, *side.siblings) if each.reserved)
    return found


@reads_tuples
def overdue(connection: Connection, accounts: Collection[UUID], at: datetime) -> bool:
    """Whether a hold on or for one of these accounts is past its deadline and not ended."""
    if not accounts:
        return False
    row = connection.execute(_queries.overdue.sql, {"accounts": list(accounts), "at": at}).fetchone()
    return row is not None and bool(row[0])


def check(connection: Connection, decisions: Iterable[Decision], accounts: Accounts, now: datetime) -> None:
    """Raise ExpiredHolds where one may be why something was refused of these locked accounts."""
    if overdue(connection, concerned(decisions, accounts), now):
        raise ExpiredHolds([state.id for state in accounts.values()], now)


@all_or_nothing
def end(connection: Connection, accounts: Collection[UUID], at: datetime) -> int:
    """End the holds on and for these accounts whose deadline is past, and tell so; returns how many.

    Nothing is locked where there are none; else these accounts and those of the holds, in id order.
    """
    asked = {"accounts": list(accounts), "at": at}
    sides = {side for row in connection.execute(_queries.sides.sql, asked) for side in row}
    return end_between(connection, sides.union(accounts), at) if sides else 0


@all_or_nothing
def end_between(
    connection: Connection, accounts: Collection[UUID], at: datetime, most: int | None = None
) -> int:
    """End holds of which both sides are among these accounts, which are locked: all, or the `most` oldest."""
    asked = {"accounts": list(accounts), "at": at, "most": most}
    connection.execute(_queries.lock.sql, asked)
    due = connection.execute(_queries.due.sql, asked).fetchall()  # fewer, where others ended some meanwhile
    if not due:
        return 0
    holds, numbers, amounts = (list(column) for column in list(zip(*due, strict=True))[:3])
    try:
        connection.execute(
            _queries.end.sql, {"holds": holds, "numbers": numbers, "amounts": amounts, "at": at}
        )
    except psycopg.IntegrityError as error:
        raise_if_skewed(error)
        why = error.diag.message_primary
        raise IntegrityViolation(f"The database refused to end expired holds: {why}") from error
    append_to_each(
        connection,
        "hold.expired",
        (
            (payer, told(hold, amount, currency, operation, payee))
            for hold, _, amount, payer, payee, currency, operation in due
        ),
        at=at,
    )
    return len(due)


def told(hold: UUID, amount: int, currency: str, operation: str, credit_account: UUID) -> dict[str, object]:
    """What events say of a hold, among those of its payer."""
    return {
        "hold": str(hold),
        "minor": amount,
        "currency": currency,
        "operation": operation,
        "credit_account": str(credit_account),
    }


@reads_tuples
def free(connection: Connection, accounts: Accounts, at: datetime) -> None:
    """Take off these accounts what holds still reserve and count that have expired by `at`: for whoever only
    reads. The days that their limits ask for have been read."""
    reserved = [state.id for state in accounts.values() if state.reserved]
    if not reserved:
        return
    rows = connection.execute(_queries.freed.sql, {"accounts": reserved, "at": at}).fetchall()
    for payer_id, payee_id, named, amount, placed_at, gone in rows:
        operation = Operation(named)
        payer, payee = accounts.get(payer_id.int), accounts.get(payee_id.int)
        if payer is not None:
            payer.pending_out -= amount
        if operation in GIVES_BACK:
            continue
        for side, direction, other in ((payer, Direction.OUT, payee_id), (payee, Direction.IN, payer_id)):
            if side is not None and side.profile is not None:
                day = side.profile.local_day(placed_at)
                side.count(direction, operation, -amount, -1 if gone else 0, day, other)
