"""Writing what was decided: transfers, refusals and notes, in one call of the database's posting function.

The application may write none of them otherwise. Entries, balances and usage follow in the database.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from emoney.ledger.base.errors import ClockSkew, IntegrityViolation, InvalidInput
from emoney.ledger.base.postgres.binary_arrays import packing
from emoney.ledger.base.postgres.binary_rows import DECIDED, Rows, decided_row, text
from emoney.ledger.base.postgres.database import Connection, as_refused
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.posting import closed_periods as watermark
from emoney.ledger.posting import partitions
from emoney.ledger.posting.decide import Accepted, Decision, Rejected
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.transfer import Transfer

_queries = queries_beside(__file__)


class WrongTime(InvalidInput):
    """A transfer that would count after it is posted, too long before, or before an account was opened."""


@reads_tuples
def write(
    connection: Connection, decisions: Iterable[Decision], now: datetime, *, captures: bool = False
) -> list[Decision]:
    """Write what is decided; gives the decisions back, in their order. `captures`: holds, by some of them.

    Raises IntegrityViolation when the database contradicts them, WrongTime or ClosedPeriod for a time at
    which nothing may count, ClockSkew for a time that is not the database's, PartitionMissing in a month that
    nothing was prepared for.
    """
    made = list(decisions)
    if made:
        refused, noted = refusals(made), notes([decision.transfer for decision in made])
        with as_ledger_errors(now):
            packing(connection).execute(
                _queries.write_posted.sql,
                {
                    "at": now,
                    "decided": rows(made).array(connection),
                    "refused": Jsonb(refused) if refused else None,
                    "noted": Jsonb(noted) if noted else None,
                    "captures": captures,
                },
            )
    return made


def rows(decisions: Iterable[Decision]) -> Rows:
    """The accepted ones, as the database takes them."""
    return Rows(DECIDED, [row(each) for each in decisions if isinstance(each, Accepted)])


def row(accepted: Accepted, *, credit_known: bool = True) -> bytes:
    """One, its length first. `credit_known`: else the database says what the credited account reaches."""
    t, _, debit_version, debit_balance, credit_version, credit_balance = accepted
    return decided_row(
        t.id,
        t.debit_account,
        t.credit_account,
        t.amount,
        debit_version,
        debit_balance,
        credit_version if credit_known else None,
        credit_balance,
        _kind(t.currency, t.operation) + text(t.reference),
        t.group,
        t.effective_at,
    )


@lru_cache
def _kind(currency: str, operation: Operation) -> bytes:
    return text(currency) + text(operation.value)


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
    except struct.error as error:
        raise IntegrityViolation(
            "The sums of an account are beyond the ledger's bound; nothing was written"
        ) from error
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        watermark.raise_if_closed(error)
        raise_if_skewed(error)
        if error.diag.constraint_name == "effective_time":
            raise WrongTime(f"{error.diag.message_primary}; nothing was written") from error
        partitions.raise_if_missing(error, now)
        why = error.diag.message_primary
        raise IntegrityViolation(f"The database refused the batch: {why}") from error


def raise_if_skewed(error: psycopg.Error) -> None:
    """Raise ClockSkew where the database refused a time that is too far from its own."""
    told = as_refused(error)
    if isinstance(told, ClockSkew):
        raise told from error


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
