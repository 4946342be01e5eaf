"""Disputes: a payer says that a transfer should not have been; its money is held until that is decided.

A dispute is a hold (`ledger.holds`) on the receiver of the original transfer in favour of its payer, with a
reason code. It ends in one of three ways: *upheld*, in full or in part, when the hold is captured as a
reversal of the original (`ledger.reversals`), so that refunds, reversals and disputes together never give
back more than it was; *rejected*, when the hold is voided; *expired*, when its deadline passes undecided,
with or without the job that gives back what is held past its deadline.

Open disputes of one transfer never hold more than what is left of it. A refund while a dispute is open is
possible and leaves less to uphold. Like a reversal, a dispute is under no limit, but it needs the funds: what
the receiver has spent already cannot be held. A receiver frozen for debit keeps the money where it is, and
must be unfrozen for the dispute to be opened or upheld.

Everything is append-only: `ledger.dispute`, `ledger.dispute_outcome`, and the hold's own rows. The database
checks each against the others. Locks as holds; each call costs five to twelve round trips.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict
from uuid import UUID

import psycopg

from emoney.ledger.acts import hold as holds
from emoney.ledger.acts import original as originals
from emoney.ledger.acts.batch import Batch
from emoney.ledger.acts.hold import Hold
from emoney.ledger.acts.original import Original
from emoney.ledger.base.clock import raise_if_skewed, system_clock
from emoney.ledger.base.errors import IntegrityViolation, InvalidInput
from emoney.ledger.base.ids import Id, Key, as_id, key_of
from emoney.ledger.base.names import Reason, checked_name
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.ledger import Ledger
from emoney.ledger.outbox import append
from emoney.ledger.posting import expiry, locks
from emoney.ledger.posting.expiry import without_expired
from emoney.ledger.posting.requests import content_hash, earlier_outcome
from emoney.ledger.transfers.money import Amount, moved
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.transfer import Outcome

_REASON_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_queries = queries_beside(__file__)


class UnknownDispute(InvalidInput):
    """An id under which no dispute was opened."""


class DisputeEnded(InvalidInput):
    """A dispute that was upheld or has expired, so it cannot be rejected."""


class DisputeState(StrEnum):
    """Where a dispute stands."""

    OPEN = "open"
    UPHELD = "upheld"
    REJECTED = "rejected"
    EXPIRED = "expired"


class _Opening(TypedDict):
    reason_code: str
    expires_at: datetime
    actor: str


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute as it stands, minor units. `held`: still reserved; `given_back`: what the payer got.

    `transfer_id`, `decided_by`, `reason`, `decided_at`: of its outcome, None while it has none.
    """

    id: UUID
    original_id: UUID
    reason_code: str
    opened_by: str
    opened_at: datetime
    expires_at: datetime
    amount: int
    currency: str
    held: int
    state: DisputeState
    given_back: int
    transfer_id: UUID | None
    decided_by: str | None
    reason: str | None
    decided_at: datetime | None


def open_dispute(
    ledger: Ledger,
    original_id: Id,
    dispute_id: Id,
    amount: Amount | None = None,
    *,
    reason_code: str,
    expires_at: datetime,
    actor: str,
) -> Outcome:
    """Hold `amount` (what is left of the original, if None) on the receiver; idempotent by the dispute's id.

    `reason_code`: the operator's or scheme's own, 1 to 32 letters, digits, points, dashes, underscores.
    `actor`: who opens it, as an id of the operator's own. Refused beyond what is left of the original and not
    disputed already, and by the rules that a reversal would break. Raises UnknownTransfer, InvalidInput.
    """
    terms: _Opening = {"reason_code": reason_code, "expires_at": expires_at, "actor": actor}
    return ledger.run(
        lambda connection: open_dispute_in(ledger, connection, original_id, dispute_id, amount, **terms)
    )


@without_expired
def open_dispute_in(
    ledger: Ledger,
    connection: Connection,
    original_id: Id,
    dispute_id: Id,
    amount: Amount | None = None,
    *,
    reason_code: str,
    expires_at: datetime,
    actor: str,
) -> Outcome:
    """`open_dispute` in a transaction of the caller's; where it raises, nothing of it is left there."""
    original_id, key = as_id(original_id, "original_id"), key_of(dispute_id)
    dispute_id = as_id(dispute_id, "dispute_id")
    checked_name(actor)
    if not isinstance(expires_at, datetime):
        raise InvalidInput(f"dispute {dispute_id}: expires_at is to be a datetime")
    if not isinstance(reason_code, str) or not _REASON_CODE.fullmatch(reason_code):
        raise InvalidInput(
            f"dispute {dispute_id}: a reason code has 1 to 32 letters, digits, points, dashes or underscores"
        )
    original = originals.find(connection, original_id)
    amount = moved(amount, original.currency, f"dispute {dispute_id}")
    content = content_hash(
        "dispute/1", original_id.hex, str(amount), reason_code, expires_at.isoformat(), actor
    )
    fresh, locked = locks.lock_and_claim(connection, _sides(original), {dispute_id: content}, ledger.profiles)
    if dispute_id not in fresh:
        return earlier_outcome(connection, dispute_id, content, key)
    now = locks.posting_time(ledger.clock, locked)
    original = originals.find(connection, original_id)  # as it stands under the locks
    row = connection.execute(_queries.disputed.sql, {"original": original_id}).fetchone()
    disputed = row[0] if row else 0
    if disputed and expiry.overdue(connection, [original.credit_account], now):
        raise expiry.ExpiredHolds([state.id for state in locked.states.values()], now)
    left = original.left - disputed
    hold = Hold(
        dispute_id,
        original.credit_account,
        original.debit_account,
        amount or left or original.amount,
        original.currency,
        Operation.REVERSAL,
        expires_at,
        str(original_id),
        key,
    )
    request = hold.as_transfer(dispute_id if key is None else Key(key), hold.amount)
    batch = Batch(connection, ledger.profiles, locked, now, [request])
    outcome = batch.refuse(request, original.beyond(left)) if hold.amount > left else batch.place(hold)
    batch.write()
    if outcome.posted:
        opened = {
            "id": dispute_id,
            "original": original_id,
            "reason_code": reason_code,
            "actor": actor,
            "at": now,
        }
        _write(connection, _queries.open.sql, opened)
        _tell(connection, "opened", original, dispute_id, hold.amount, {"reason_code": reason_code}, now)
    return outcome


def uphold(
    ledger: Ledger, dispute_id: Id, transfer_id: Id, amount: Amount | None = None, *, actor: str, reason: str
) -> Outcome:
    """Give the payer `amount` (all that is held and not given back otherwise, if None); the rest is released.

    Posted as the reversal `transfer_id`, idempotent by it. Refused beyond what is held or left of the
    original, for a dispute that has ended, and by the rules that a reversal would break. Raises
    UnknownDispute, InvalidInput.
    """
    return ledger.run(
        lambda connection: uphold_in(
            ledger, connection, dispute_id, transfer_id, amount, actor=actor, reason=reason
        )
    )


@without_expired
def uphold_in(
    ledger: Ledger,
    connection: Connection,
    dispute_id: Id,
    transfer_id: Id,
    amount: Amount | None = None,
    *,
    actor: str,
    reason: str,
) -> Outcome:
    """`uphold` in a transaction of the caller's; where it raises, nothing of it is left there."""
    dispute_id, named = as_id(dispute_id, "dispute_id"), transfer_id
    transfer_id = as_id(transfer_id, "transfer_id")
    checked_name(actor)
    Reason(reason)
    original_id = find(connection, dispute_id).original_id
    original = originals.find(connection, original_id)
    amount = moved(amount, original.currency, f"refund {transfer_id}")
    content = content_hash("uphold/1", dispute_id.hex, str(amount), actor, reason)
    sides = _sides(original)
    fresh, locked = locks.lock_and_claim(connection, sides, {transfer_id: content}, ledger.profiles)
    if transfer_id not in fresh:
        return earlier_outcome(connection, transfer_id, content, key_of(named))
    now = locks.posting_time(ledger.clock, locked)
    original = originals.find(connection, original_id)  # as it stands under the locks
    held = holds.find(connection, dispute_id)
    request = held.hold.as_transfer(named, amount or min(held.remaining, original.left) or held.hold.amount)
    batch = Batch(
        connection,
        ledger.profiles,
        locked,
        now,
        (),
        holds={dispute_id: held},
        originals={original_id: original},
    )
    if request.amount > original.left and held.remaining:
        outcome = batch.refuse(request, original.beyond(original.left))
    else:
        outcome = batch.uphold(dispute_id, original_id, request, reason)
    batch.write()
    if outcome.posted:
        _decide(connection, dispute_id, "upheld", request.amount, transfer_id, actor, reason, now)
        _tell(connection, "upheld", original, dispute_id, request.amount, {"reason": reason}, now)
    return outcome


def reject(ledger: Ledger, dispute_id: Id, *, actor: str, reason: str) -> Dispute:
    """Give what is held back to the receiver. Rejecting a rejected dispute changes nothing.

    Raises UnknownDispute; DisputeEnded when it was upheld or has expired.
    """
    return ledger.run(
        lambda connection: reject_in(ledger, connection, dispute_id, actor=actor, reason=reason)
    )


@all_or_nothing
def reject_in(ledger: Ledger, connection: Connection, dispute_id: Id, *, actor: str, reason: str) -> Dispute:
    """`reject` in a transaction of the caller's; where it raises, nothing of it is left there."""
    dispute_id = as_id(dispute_id, "dispute_id")
    checked_name(actor)
    Reason(reason)
    original = originals.find(connection, find(connection, dispute_id).original_id)
    locked = locks.lock(connection, _sides(original), ledger.profiles)
    now = ledger.clock()
    dispute = find(connection, dispute_id, now)
    if dispute.state is DisputeState.REJECTED:
        return dispute
    if dispute.state is not DisputeState.OPEN:
        raise DisputeEnded(f"dispute {dispute_id} is {dispute.state}; only an open one can be rejected")
    held = {dispute_id: holds.find(connection, dispute_id)}
    batch = Batch(connection, ledger.profiles, locked, now, (), holds=held)
    batch.void(dispute_id)
    batch.write()
    _decide(connection, dispute_id, "rejected", 0, None, actor, reason, now)
    _tell(connection, "rejected", original, dispute_id, 0, {"reason": reason}, now)
    return find(connection, dispute_id, now)


@reads_tuples
def find(connection: Connection, dispute_id: Id, at: datetime | None = None) -> Dispute:
    """A dispute as it stands, past its deadline or not at this time, or now. Raises UnknownDispute."""
    dispute_id = as_id(dispute_id, "dispute_id")
    row = connection.execute(_queries.find.sql, {"id": dispute_id, "at": at or system_clock()}).fetchone()
    if row is None:
        raise UnknownDispute(f"there is no dispute {dispute_id}")
    return _dispute(row)


@reads_tuples
def of_transfer(connection: Connection, original_id: UUID, at: datetime | None = None) -> list[Dispute]:
    """All disputes of a transfer, oldest first, as `find` has them."""
    asked = {"original": original_id, "at": at or system_clock()}
    return [_dispute(row) for row in connection.execute(_queries.of_transfer.sql, asked)]


def _dispute(row: tuple[Any, ...]) -> Dispute:
    return Dispute(*(*row[:9], DisputeState(row[9]), *row[10:]))


def _sides(original: Original) -> tuple[UUID, UUID]:
    return original.debit_account, original.credit_account


def _decide(
    connection: Connection,
    dispute_id: UUID,
    kind: str,
    amount: int,
    transfer_id: UUID | None,
    actor: str,
    reason: str,
    at: datetime,
) -> None:
    decided = {"id": dispute_id, "kind": kind, "amount": amount, "transfer": transfer_id}
    _write(connection, _queries.decide.sql, {**decided, "actor": actor, "reason": reason, "at": at})


def _write(connection: Connection, statement: str, parameters: dict[str, Any]) -> None:
    try:
        connection.execute(statement, parameters)
    except psycopg.IntegrityError as error:
        raise_if_skewed(error)
        raise IntegrityViolation(f"The database refused the dispute: {error.diag.message_primary}") from error


def _tell(
    connection: Connection,
    what: str,
    original: Original,
    dispute_id: UUID,
    amount: int,
    more: dict[str, Any],
    at: datetime,
) -> None:
    """An event among those of the receiver, whose account is locked."""
    payload = {"dispute": str(dispute_id), "minor": amount, "currency": original.currency, **more}
    append(connection, f"dispute.{what}", original.credit_account, payload, at=at)
