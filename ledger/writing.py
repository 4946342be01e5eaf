"""Writing what was decided: transfers, refusals, and what the accounts' usage gained.

Up to FEW transfers go by INSERT in one round trip with the usage; more by COPY, which takes two of its own
and costs less per row, each row sent as soon as it is decided.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, islice
from typing import Any, Protocol
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from ledger import partitions, usage, watermark
from ledger.database import Connection
from ledger.decide import Accepted, Accounts, Decision, Rejected
from ledger.errors import IntegrityViolation
from ledger.limits import Direction
from ledger.operations import Operation
from ledger.queries import queries_beside
from ledger.rows import Rows
from ledger.transfers import Transfer

FEW = 4

_queries = queries_beside(__file__)

_REQUEST_TYPES = [
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
]
_TRANSFER_TYPES = [*_REQUEST_TYPES, "int8", "int8", "int8", "int8"]
_REFUSAL_TYPES = [*_REQUEST_TYPES, "text", "text", "text", "jsonb"]


def write(
    connection: Connection, decisions: Iterable[Decision], accounts: Accounts, now: datetime
) -> list[Decision]:
    """Write what is decided, as it is decided; gives the decisions back, in their order.

    Raises IntegrityViolation when the database contradicts them, PartitionMissing in a month that nothing was
    prepared for.
    """
    made: list[Decision] = []
    rejected: list[Rejected] = []
    rows = _rows(decisions, made, rejected, now)
    with told_apart(now):
        first = list(islice(rows, FEW + 1))
        if len(first) > FEW:
            usage.store(connection, _copy_transfers(connection, chain(first, rows), accounts))
        else:
            with connection.pipeline():
                if first:
                    _insert_transfers(connection, first)
                usage.store(connection, _changed(accounts))
        if rejected:
            _copy_refusals(connection, rejected, now)
    return made


@contextmanager
def told_apart(now: datetime) -> Iterator[None]:
    """What the database refuses of a batch posted at `now`, by errors of the ledger's own."""
    try:
        yield
    except OverflowError as error:
        raise IntegrityViolation(
            "The sums of an account are beyond the ledger's bound; nothing was written"
        ) from error
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        watermark.raise_if_closed(error)
        partitions.raise_if_missing(error, now)
        why = error.diag.message_primary
        raise IntegrityViolation(f"The database refused the batch: {why}") from error


def _rows(
    decisions: Iterable[Decision], made: list[Decision], rejected: list[Rejected], now: datetime
) -> Iterator[tuple[Any, ...]]:
    """The rows of the accepted ones of `decisions`; all go into `made`, the others into `rejected`, too."""
    for decision in decisions:
        made.append(decision)
        if isinstance(decision, Accepted):
            yield (*_request(decision.transfer), decision.effective_at, now, *decision[2:])
        else:
            rejected.append(decision)


def _insert_transfers(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    one = f"({', '.join(['%s'] * len(_TRANSFER_TYPES))})"
    values = ", ".join([one] * len(rows))
    connection.execute(f"{_queries.insert_transfers.sql} {values}", [*chain.from_iterable(rows)])


def _copy_transfers(connection: Connection, rows: Iterator[tuple[Any, ...]], accounts: Accounts) -> Rows:
    """Write the transfers; gives what the accounts' usage gained, packed while PostgreSQL writes the last."""
    with connection.cursor().copy(_queries.copy_transfers.sql) as copy:
        copy.set_types(_TRANSFER_TYPES)
        for row in rows:
            copy.write_row(row)
        return _changed(accounts)


def _changed(accounts: Accounts) -> Rows:
    return usage.changed((account.id, account.usage) for account in accounts.values())


def _copy_refusals(connection: Connection, rejected: list[Rejected], now: datetime) -> None:
    with connection.cursor().copy(_queries.copy_refusals.sql) as copy:
        copy.set_types(_REFUSAL_TYPES)
        for r in rejected:
            why = (r.refusal.rule, r.refusal.decision, r.refusal.source, Jsonb(r.refusal.numbers))
            copy.write_row((*_request(r.transfer), r.effective_at, now, *why))


def _request(t: Transfer) -> tuple[Any, ...]:
    return (
        t.id,
        t.debit_account,
        t.credit_account,
        t.amount,
        t.currency,
        t.operation._value_,
        t.reference,
        t.group,
    )


class Counted(Protocol):
    """A transfer or a hold that limits have counted."""

    @property
    def debit_account(self) -> UUID: ...
    @property
    def credit_account(self) -> UUID: ...
    @property
    def operation(self) -> Operation: ...


def give_back_usage(
    connection: Connection,
    counted: Counted,
    counted_at: datetime,
    accounts: Accounts,
    amount: int,
    *,
    whole: bool,
) -> None:
    """Give `amount` back to what limits counted at `counted_at`, on both sides; with `whole`, the number too.

    `accounts`: both, locked. Where the profile of an account has changed since, to what it counts now.
    """
    payer, payee = accounts[counted.debit_account.int], accounts[counted.credit_account.int]
    sides = [
        (account, other, direction, account.profile.local_day(counted_at))
        for account, other, direction in ((payer, payee, Direction.OUT), (payee, payer, Direction.IN))
        if account.profile is not None
    ]
    wanted: usage.Wanted = {}
    periods: set[usage.PeriodStart] = set()
    for account, other, _, day in sides:
        account.usage.clear()
        usage.want(wanted, account, other, counted.operation)
        assert account.profile is not None
        periods |= usage.periods_measured_by(account.profile, day)
    usage.read(connection, wanted, periods)
    for account, other, direction, day in sides:
        account.give_back(direction, counted.operation, amount, int(whole), day, other.id)
    usage.store(connection, usage.changed((account.id, account.usage) for account, *_ in sides))
