"""Optimistic posting: a batch is decided on accounts as they were read, and written if they still are so.

`posting` locks the accounts before it reads them, in a transaction of several round trips. Here they are read
without a lock, and what was decided is written in one call that locks the accounts and finds them as they
were, or writes nothing. Whoever changes an account, what it holds or what was counted of it, writes its
row; so a row still written by the same transaction is the whole account as it was read, its usage included.
The outcome is the one that `posting` would give at that moment.

What someone else was changing, and ids sent before, make a decision vain; it is then left to `posting`.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from emoney.ledger.base.errors import ClockSkew
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres import cursors as kept
from emoney.ledger.base.postgres.binary_arrays import Binary, Uuids, Xids, encode_time
from emoney.ledger.base.postgres.database import TRANSIENT, Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.posting.account_state import Accounts, WriteMark
from emoney.ledger.posting.closed_periods import ClosedPeriod
from emoney.ledger.posting.decide import Decision, decide, outcomes_of
from emoney.ledger.posting.write import as_ledger_errors, notes, refusals, rows
from emoney.ledger.transfers.transfer import Outcome, Transfer, claimed

_queries = queries_beside(__file__)
WRITE: str = _queries.write_decided.sql
_JSONB_VERSION = b"\x01"


class StaleDecision(Exception):
    """What was decided does not hold, or cannot be written; nothing was."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A batch that is decided and not written.

    `parameters`: of the call that writes it, as far as they are known. `by`: the transaction that will write
    it; `before`: that of the batch before it, which leaves what this one was decided on.
    """

    decisions: list[Decision]
    posted_at: datetime
    parameters: dict[str, Any]
    before: WriteMark
    by: WriteMark

    def outcomes(self) -> list[Outcome]:
        """What the callers are told once it is written."""
        return outcomes_of(self.decisions)

    def sent(self, connection: Connection) -> dict[str, Any]:
        """The parameters of WRITE over this connection, over which the batch before was sent unless its
        transaction is known. Raises ConfigurationError where the database is older than this library.
        """
        last, follows = self.before.transaction, self.before.attempt
        return {
            **self.parameters,
            "last_transaction": None if last is None else Binary(last.to_bytes(4)),
            "follows": Binary(follows.bytes) if last is None and follows else None,
            "decided": self.parameters["decided"].array(connection),
        }


def decide_on(accounts: Accounts, transfers: Sequence[Transfer], now: datetime, before: WriteMark) -> Decided:
    """Decide on accounts as they were read; they are then as the batch will leave them."""
    numbers = {side.int for t in transfers for side in (t.debit_account, t.credit_account)}
    states = [accounts[number] for number in sorted(numbers)]
    attempt = new_id()
    parameters: dict[str, Any] = {
        "accounts": Uuids.of([state.id for state in states]),
        "written_by": Xids.of(
            [state.last_written_by.transaction or 0 for state in states if state.last_written_by]
        ),
        "claims": Uuids.of(claimed(transfers)),
        "attempt": Binary(attempt.bytes),
        "posted_at": Binary(encode_time(now)[4:]),
    }
    versions = [state.version for state in states]
    decisions, by = list(decide(transfers, accounts, now, bounded=False)), WriteMark(attempt=attempt)
    for state, version in zip(states, versions, strict=True):
        if state.version != version:
            state.last_written_by = by
    refused = refusals(decisions)
    parameters["decided"] = rows(decisions)
    parameters["refused"] = as_jsonb(refused)
    parameters["noted"] = as_jsonb(notes(transfers))
    return Decided(decisions, now, parameters, before, by)


def as_jsonb(content: list[dict[str, Any]]) -> Binary | None:
    """Rows as a parameter; None where there are none."""
    return Binary(_JSONB_VERSION + json.dumps(content).encode()) if content else None


def write(connection: Connection, decided: Decided) -> None:
    """Write and commit, over a connection of which each statement is a transaction.

    Raises StaleDecision if what was decided does not hold, and what `writing.write` does.
    """
    with as_stale(decided.posted_at):
        ((transaction,),) = kept.rows(connection, WRITE, decided.sent(connection))
    written(decided, transaction)


@contextmanager
def as_stale(posted_at: datetime) -> Iterator[None]:
    """Errors after which the same may be posted under locks, as StaleDecision; others as
    `as_ledger_errors`."""
    try:
        with as_ledger_errors(posted_at):
            try:
                yield
            except psycopg.errors.UniqueViolation as error:  # of a claim
                raise StaleDecision from error
    except (
        *TRANSIENT,
        ClosedPeriod,
        ClockSkew,
    ) as error:  # posting tells the transfer, or takes a new time
        raise StaleDecision from error


def written(decided: Decided, transaction: bytes | None) -> None:
    """Note the transaction that WRITE gave. Raises StaleDecision where it gave none."""
    if transaction is None:
        raise StaleDecision
    decided.by.transaction = int.from_bytes(transaction)
