"""Optimistic posting: a batch is decided on accounts as they were read, and written if they still are so.

`posting` locks the accounts before it reads them, in a transaction of several round trips. Here they are read
without a lock, and what was decided is written in one call that locks the accounts and finds them as they
were, or writes nothing. Whoever changes an account, what it holds or what was counted of it, writes its
row; so a row still written by the same transaction is the whole account as it was read, its usage included.
The outcome is the one that `posting` would give at that moment.

What someone else was changing, and ids sent before, make a decision vain; it is then left to `posting`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger import usage
from ledger.arrays import Bigints, Texts, Times, Uuids, Xids
from ledger.database import TRANSIENT, Connection, Database
from ledger.decide import Accepted, Accounts, Decision, Rejected, Written, decide, outcomes_of
from ledger.queries import queries_beside
from ledger.transfers import Outcome, Transfer
from ledger.watermark import ClosedPeriod
from ledger.writing import told_apart

_queries = queries_beside(__file__)


class InVain(Exception):
    """What was decided does not hold, or cannot be written; nothing was."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A batch that is decided and not written.

    `parameters`: of the call that writes it. `by`: the transaction that will; `before`: that of the batch
    before it, which leaves what this one was decided on.
    """

    decisions: list[Decision]
    parameters: dict[str, Any]
    before: Written
    by: Written

    def outcomes(self) -> list[Outcome]:
        """What the callers are told once it is written."""
        return outcomes_of(self.decisions)


def decide_on(accounts: Accounts, transfers: Sequence[Transfer], now: datetime, before: Written) -> Decided:
    """Decide on accounts as they were read; they are then as the batch will leave them."""
    numbers = {side.int for t in transfers for side in (t.debit_account, t.credit_account)}
    states = [accounts[number] for number in sorted(numbers)]
    parameters: dict[str, Any] = {
        "accounts": Uuids.of([state.id for state in states]),
        "written_by": Xids.of([state.written.transaction or 0 for state in states if state.written]),
        "claim_ids": Uuids.of([transfer.id for transfer in transfers]),
        "posted_at": now,
    }
    versions = [state.version for state in states]
    decisions, by = list(decide(transfers, accounts, now)), Written()
    for state, version in zip(states, versions, strict=True):
        if state.version != version:
            state.written = by
    accepted = [decision for decision in decisions if isinstance(decision, Accepted)]
    refused = [decision for decision in decisions if isinstance(decision, Rejected)]
    rows = usage.changed((state.id, state.usage) for state in states)
    parameters |= usage.columns(rows) | _columns(accepted)
    parameters["refused"] = json.dumps([_refused(each) for each in refused]) if refused else None
    return Decided(decisions, parameters, before, by)


def write(connection: Connection, decided: Decided) -> None:
    """Write and commit, over a connection of which each statement is a transaction.

    Raises InVain if what was decided does not hold, and what `writing.write` does.
    """
    if decided.before.transaction is None:
        raise InVain
    last = {"last_transaction": decided.before.transaction}
    try:
        with told_apart(decided.parameters["posted_at"]):
            row = connection.execute(_queries.write_decided.sql, decided.parameters | last).fetchone()
    except (*TRANSIENT, ClosedPeriod) as error:  # of a closed period, posting tells the transfer
        raise InVain from error
    if row is None or row[0] is None:
        raise InVain
    decided.by.transaction = int(row[0])


def write_apart(database: Database, decided: Decided) -> None:
    """Write and commit over a connection taken for it; errors as `write`."""
    with database.autocommit() as connection:
        write(connection, decided)


def _columns(accepted: list[Accepted]) -> dict[str, Any]:
    transfers = [each.transfer for each in accepted]
    return {
        "ids": Uuids.of([t.id for t in transfers]),
        "debit_accounts": Uuids.of([t.debit_account for t in transfers]),
        "credit_accounts": Uuids.of([t.credit_account for t in transfers]),
        "amounts": Bigints.of([t.amount for t in transfers]),
        "currencies": Texts.of([t.currency for t in transfers]),
        "operations": Texts.of([t.operation._value_ for t in transfers]),
        "reference_texts": Texts.of([t.reference for t in transfers]),
        "group_ids": Uuids.of([t.group for t in transfers]),
        "effective_ats": Times.of([t.effective_at for t in transfers]),
        "debit_versions": Bigints.of([each.debit_version for each in accepted]),
        "debit_balances": Bigints.of([each.debit_balance for each in accepted]),
        "credit_versions": Bigints.of([each.credit_version for each in accepted]),
        "credit_balances": Bigints.of([each.credit_balance for each in accepted]),
    }


def _refused(rejected: Rejected) -> dict[str, Any]:
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
        "effective_at": t.effective_at and t.effective_at.isoformat(),
        "rule": refusal.rule,
        "decision": refusal.decision,
        "source": refusal.source,
        "numbers": refusal.numbers,
    }
