"""Reversals and refunds: a new transfer gives back another one, in full or in part. Nothing is ever undone.

All that is given back of a transfer never passes its amount, under any concurrency: both accounts are locked,
and the database sums again. What limits had counted of the original is returned to the windows it was counted
in; the giving back itself is under no limit, but it needs the funds.

A transfer that its payer disputes is held first and given back, or not, afterwards: `ledger.disputes`.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from emoney.ledger.base.errors import IntegrityViolation, InvalidInput, InvalidReference
from emoney.ledger.base.errors import UnknownTransfer as UnknownTransfer
from emoney.ledger.base.ids import Id, as_id, key_of
from emoney.ledger.base.names import REFERENCE_MAX, Reason, is_reference
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.ledger import Ledger
from emoney.ledger.posting import expiry, locks
from emoney.ledger.posting import locked as posting
from emoney.ledger.posting import write as writing
from emoney.ledger.posting.decide import LEDGER_RULE, Rejected, decide
from emoney.ledger.posting.expiry import without_expired
from emoney.ledger.posting.requests import content_hash, earlier_outcome
from emoney.ledger.transfers.money import Amount, moved
from emoney.ledger.transfers.operations import GIVES_BACK, Operation
from emoney.ledger.transfers.transfer import Outcome, Refusal, Transfer

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Original:
    """What of a posted transfer its giving back follows from."""

    debit_account: UUID
    credit_account: UUID
    amount: int
    currency: str
    operation: Operation


def refund(
    ledger: Ledger,
    original_id: Id,
    refund_id: Id,
    amount: Amount | None = None,
    *,
    reason: str,
    reference: str | None = None,
) -> Outcome:
    """Give back `amount` (what is left of it, if None) of a transfer at the receiver's wish.

    Posted as the transfer `refund_id`, idempotent by that id. Refused beyond what is left of the original, or
    for want of funds. `reason`: 1 to 500 characters, no personal data. `reference`: the operator's own, up to
    90 characters, which stands behind the original's id in the transfer's. Raises UnknownTransfer,
    InvalidInput.
    """
    return ledger.run(
        lambda connection: refund_in(
            ledger, connection, original_id, refund_id, amount, reason=reason, reference=reference
        )
    )


def refund_in(
    ledger: Ledger,
    connection: Connection,
    original_id: Id,
    refund_id: Id,
    amount: Amount | None = None,
    *,
    reason: str,
    reference: str | None = None,
) -> Outcome:
    """`refund` in a transaction of the caller's; where it raises, nothing of it is left there."""
    return _give_back(ledger, connection, original_id, refund_id, amount, Operation.REFUND, reason, reference)


def reverse(
    ledger: Ledger,
    original_id: Id,
    reversal_id: Id,
    amount: Amount | None = None,
    *,
    reason: str,
    reference: str | None = None,
) -> Outcome:
    """Give back a transfer that should not have been, such as one posted in error. Otherwise as `refund`."""
    return ledger.run(
        lambda connection: reverse_in(
            ledger, connection, original_id, reversal_id, amount, reason=reason, reference=reference
        )
    )


def reverse_in(
    ledger: Ledger,
    connection: Connection,
    original_id: Id,
    reversal_id: Id,
    amount: Amount | None = None,
    *,
    reason: str,
    reference: str | None = None,
) -> Outcome:
    """`reverse` in a transaction of the caller's; where it raises, nothing of it is left there."""
    operation = Operation.REVERSAL
    return _give_back(ledger, connection, original_id, reversal_id, amount, operation, reason, reference)


@without_expired
def _give_back(
    ledger: Ledger,
    connection: Connection,
    original_id: Id,
    transfer_id: Id,
    amount: Amount | None,
    operation: Operation,
    reason: str,
    reference: str | None,
) -> Outcome:
    original_id, key = as_id(original_id, "original_id"), key_of(transfer_id)
    transfer_id = as_id(transfer_id, f"{operation}_id")
    Reason(reason)
    if reference is not None and not isinstance(reference, str):
        raise InvalidReference(f"{operation} {transfer_id}: a reference is a text")
    named = str(original_id) if reference is None else f"{original_id}: {reference}"
    if reference == "" or not is_reference(named):
        raise InvalidReference(
            f"{operation} {transfer_id}: a reference has 1 to {REFERENCE_MAX - 38} characters and no NUL, "
            "behind the original's id"
        )
    original = find_original(connection, original_id)
    amount = moved(amount, original.currency, f"{operation} {transfer_id}")
    own = () if reference is None else (reference,)
    content = content_hash(f"{operation.value}/1", original_id.hex, str(amount), reason, *own)
    sides = (original.debit_account, original.credit_account)
    fresh, locked = locks.lock_and_claim(connection, sides, {transfer_id: content}, ledger.profiles)
    if transfer_id not in fresh:
        return earlier_outcome(connection, transfer_id, content, key)
    now = locks.posting_time(ledger.clock, locked)
    left = original.amount - given_back(connection, original_id)
    request = Transfer(
        transfer_id,
        original.credit_account,
        original.debit_account,
        amount or left or original.amount,
        original.currency,
        operation,
        reference=named,
        key=key,
    )
    if request.amount > left:
        refusal = beyond(original, left)
        writing.write(connection, [Rejected(request, now, refusal)], now)
        return Outcome(transfer_id, refusal, key=key)
    states = posting.states_for(connection, [request], locked, now)
    (decision,) = decide([request], states, now)
    expiry.check(connection, [decision], states, now)
    writing.write(connection, [decision], now)
    if isinstance(decision, Rejected):
        return Outcome(transfer_id, decision.refusal, key=key)
    record(connection, original_id, request, reason, now)
    return Outcome(transfer_id, key=key)


@reads_tuples
def given_back(connection: Connection, original_id: UUID) -> int:
    """How much was given back of a transfer so far, minor units."""
    row = connection.execute(_queries.given_back.sql, {"id": original_id}).fetchone()
    return row[0] if row else 0


def beyond(original: Original, left: int) -> Refusal:
    """The refusal of giving back more than is `left` of a transfer."""
    return Refusal("original.amount", "deny", LEDGER_RULE, original.amount, original.amount - left, left)


@reads_tuples
def find_original(connection: Connection, original_id: UUID) -> Original:
    """The transfer that is to be given back. Raises UnknownTransfer; InvalidInput for one that gives back."""
    row = connection.execute(_queries.original.sql, {"id": original_id}).fetchone()
    if row is None:
        raise UnknownTransfer(f"there is no transfer {original_id}")
    debit, credit, amount, currency, operation = row
    original = Original(debit, credit, amount, currency, Operation(operation))
    if original.operation in GIVES_BACK:
        raise InvalidInput(f"transfer {original_id} gives back another one and is itself not given back")
    return original


@all_or_nothing
def record(connection: Connection, original_id: UUID, request: Transfer, reason: str, now: datetime) -> None:
    """Record that `request`, just posted, gives back the original; limits then count that no longer."""
    try:
        connection.execute(
            _queries.record.sql,
            {
                "transfer": request.id,
                "original": original_id,
                "amount": request.amount,
                "reason": reason,
                "at": now,
            },
        )
    except psycopg.IntegrityError as error:
        why = error.diag.message_primary
        raise IntegrityViolation(f"The database refused the {request.operation}: {why}") from error
