"""Writing what was decided: transfers, refusals, and what the accounts' usage gained.

Up to INSERT_ROWS_MAX transfers go by INSERT in one round trip with the usage; more by COPY, which takes two
of its own and costs less per row, each row sent as soon as it is decided.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, islice
from typing import Any, Protocol
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from emoney.ledger.base.errors import IntegrityViolation
from emoney.ledger.base.postgres.binary_rows import Rows
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.limits import usage
from emoney.ledger.limits.rules import Direction
from emoney.ledger.posting import closed_periods as watermark
from emoney.ledger.posting import partitions
from emoney.ledger.posting.account_state import Accounts
from emoney.ledger.posting.decide import Accepted, Decision, Rejected
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.transfer import Transfer

INSERT_ROWS_MAX = 4

_queries = queries_beside(__file__)

# fmt: off
_TRANSFER_TYPES = [
    "uuid", "uuid", "uuid", "int8", "text", "text", "text", "uuid", "timestamptz", "timestamptz",
    "int8", "int8", "int8", "int8",
]
# fmt: on


@reads_tuples
def write(
    connection: Connection, decisions: Iterable[Decision], accounts: Accounts, now: datetime
) -> list[Decision]:
    """Write what is decided, as it is decided; gives the decisions back, in their order.

    Raises IntegrityViolation when the database contradicts them, PartitionMissing in a month that nothing was
    prepared for.
    """
    made: list[Decision] = []
    rows = _rows(decisions, made, now)
    with as_ledger_errors(now):
        first = list(islice(rows, INSERT_ROWS_MAX + 1))
        if len(first) > INSERT_ROWS_MAX:
            usage.store(connection, _copy_transfers(connection, chain(first, rows), accounts))
        else:
            with connection.pipeline():
                if first:
                    _insert_transfers(connection, first)
                usage.store(connection, _changed(accounts))
        if refused := refusals(made):
            connection.execute(_queries.write_refusals.sql, {"refused": Jsonb(refused), "at": now})
        if noted := notes([decision.transfer for decision in made]):
            note(connection, noted)
    return made


def notes(transfers: Iterable[Transfer]) -> list[dict[str, Any]]:
    """What is kept beside those of a batch that have a key or metadata, as the database is told."""
    return [
        {"id": t.id.hex, "key": t.key, "metadata": t.metadata}
        for t in transfers
        if t.key is not None or t.metadata is not None
    ]


@reads_tuples
def note(connection: Connection, noted: list[dict[str, Any]]) -> None:
    """Keep the notes of what this transaction has written."""
    connection.execute(_queries.write_notes.sql, {"noted": Jsonb(noted)})


@contextmanager
def as_ledger_errors(now: datetime) -> Iterator[None]:
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


def _rows(decisions: Iterable[Decision], made: list[Decision], now: datetime) -> Iterator[tuple[Any, ...]]:
    """The rows of the accepted ones of `decisions`; all go into `made`."""
    for decision in decisions:
        made.append(decision)
        if isinstance(decision, Accepted):
            t = decision.transfer
            yield (
                t.id,
                t.debit_account,
                t.credit_account,
                t.amount,
                t.currency,
                t.operation._value_,
                t.reference,
                t.group,
                decision.effective_at,
                now,
                *decision[2:],
            )


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


def refusals(decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    """What the database is told of the refused ones of a batch.

    `beside` and `steps`: how far after the transfer that was posted last before it each was decided; before
    the first one, if negative; from the beginning of a batch of which none is posted.
    """
    refused: list[dict[str, Any]] = []
    beside, place = next(
        ((each.transfer.id, number) for number, each in enumerate(decisions) if isinstance(each, Accepted)),
        (None, 0),
    )
    for number, decision in enumerate(decisions):
        if isinstance(decision, Accepted):
            beside, place = decision.transfer.id, number
        else:
            refused.append(_refused(decision, beside, number - place))
    return refused


def _refused(rejected: Rejected, beside: UUID | None, steps: int) -> dict[str, Any]:
    t, refusal = rejected.transfer, rejected.refusal
    return {
        "transfer_id": t.id.hex,
        "debit_account": t.debit_account.hex,
        "credit_account": t.credit_account.hex,
        "amount": t.amount,
        "currency": t.currency,
        "operation": t.operation.value,
        "reference": t.reference,
        "group_id": t.group and t.group.hex,
        "effective_at": rejected.effective_at.isoformat(),
        "rule": refusal.rule,
        "decision": refusal.decision,
        "source": refusal.source,
        "numbers": refusal.numbers,
        "beside": beside and beside.hex,
        "steps": steps,
    }


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
