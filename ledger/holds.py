"""Holds: money reserved on an account for another, then captured, voided or expired.

A hold lowers what its payer has available and raises nobody's. It is never edited: what becomes of it are
rows of `ledger.hold_event`. What it has left follows from these in the database's own triggers, which hold
the deadline too: at or after it nothing is captured, whether or not the expiry job has run.

Placing a hold asks the same rules as a transfer would and is counted by the limits of both sides at once:
what is reserved is used up. A capture is not counted again; it is decided anew by the accounts' state, the
funds, with its hold given back to it, and the payee's balance limit. A capture that is refused leaves the
hold as it was. What is released, voided or expires, or is refunded of a capture, is given back to the windows
that it was counted in; the number of a hold, which counts as one, with the last of its money.

What becomes of a hold is told by events of the payer's account: `hold.placed`, `hold.released`, `hold.voided`
and `hold.expired`; a capture by its transfer, a refusal like a transfer's.

Each call locks the two accounts in id order, like a batch of one; costs six to nine round trips.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import psycopg

from emoney.ledger.base.errors import IntegrityViolation, InvalidInput
from emoney.ledger.base.errors import UnknownHold as UnknownHold
from emoney.ledger.base.ids import Id, Key, as_id, key_of
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing, attempt
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.ledger import Ledger
from emoney.ledger.outbox import append
from emoney.ledger.posting import locked as posting
from emoney.ledger.posting import locks
from emoney.ledger.posting import write as writing
from emoney.ledger.posting.decide import (
    LEDGER_RULE,
    Accepted,
    Decision,
    Rejected,
    decide_captured,
    why_refused,
)
from emoney.ledger.posting.locks import Locked
from emoney.ledger.posting.requests import content_hash, earlier_outcome
from emoney.ledger.transfers.money import Amount, moved
from emoney.ledger.transfers.operations import GIVES_BACK, Operation
from emoney.ledger.transfers.transfer import Outcome, Refusal, Transfer

EXPIRE_BATCH = 500

_queries = queries_beside(__file__)


class HoldEnded(InvalidInput):
    """A hold that has nothing left to void."""


@dataclass(frozen=True, slots=True, init=False)
class Hold:
    """A request to reserve `amount` minor units until `expires_at`, for a transfer of `operation`.

    `key`: the text of the Key that was given as its id.
    """

    id: UUID
    debit_account: UUID
    credit_account: UUID
    amount: int
    currency: str
    operation: Operation
    expires_at: datetime
    reference: str | None = None
    key: str | None = None

    def __init__(
        self,
        id: Id,
        debit_account: Id,
        credit_account: Id,
        amount: Amount,
        currency: str,
        operation: Operation,
        expires_at: datetime,
        reference: str | None = None,
        key: str | None = None,
    ) -> None:
        """Ids may be the texts of UUIDs or Keys; the amount, major units as a Decimal or Money. Errors as
        `Transfer`."""
        asked = Transfer(
            id, debit_account, credit_account, amount, currency, operation, reference=reference, key=key
        )
        if not isinstance(expires_at, datetime):
            raise InvalidInput(f"hold {asked.id}: expires_at is to be a datetime")
        for name in ("id", "debit_account", "credit_account", "amount", "currency", "operation"):
            object.__setattr__(self, name, getattr(asked, name))
        object.__setattr__(self, "expires_at", expires_at)
        object.__setattr__(self, "reference", reference)
        object.__setattr__(self, "key", asked.key)

    def as_transfer(self, transfer_id: Id, amount: int) -> Transfer:
        """The transfer that captures `amount` of the hold."""
        return Transfer(
            transfer_id,
            self.debit_account,
            self.credit_account,
            amount,
            self.currency,
            self.operation,
            self.reference,
        )


@dataclass(frozen=True, slots=True)
class PlacedHold:
    """A hold as it stands: `remaining` is still reserved, `captured` was moved, of which `returned` was given
    back; minor units."""

    hold: Hold
    placed_at: datetime
    remaining: int
    captured: int
    returned: int
    events: int


def place(ledger: Ledger, hold: Hold) -> Outcome:
    """Reserve the amount of `hold`, or refuse it by the rule a transfer would break; idempotent by its id.

    Raises InvalidInput or a subclass for what no state could accept, such as a deadline that has passed.
    """
    return ledger.run(lambda connection: place_in(ledger, connection, hold))


@all_or_nothing
def place_in(ledger: Ledger, connection: Connection, hold: Hold) -> Outcome:
    """`place` in a transaction of the caller's; where it raises, nothing of it is left there."""
    if not isinstance(hold, Hold):
        raise InvalidInput(f"place a Hold, not a {type(hold).__name__}")
    request = hold.as_transfer(hold.id, hold.amount)
    request.check()
    content = content_hash("hold/1", hold.expires_at.isoformat(), request.content_hash().hex())
    sides = (hold.debit_account, hold.credit_account)
    fresh, locked = locks.lock_and_claim(connection, sides, {hold.id: content}, ledger.profiles)
    if hold.id not in fresh:
        return earlier_outcome(connection, hold.id, content, hold.key)
    return reserve(ledger, connection, hold, locked)


@all_or_nothing
def reserve(ledger: Ledger, connection: Connection, hold: Hold, locked: Locked) -> Outcome:
    """Place `hold` in the transaction of a caller who has claimed its id and locked its accounts."""
    if hold.expires_at.tzinfo is None:
        raise InvalidInput(f"hold {hold.id}: expires_at needs a time zone")
    now = ledger.clock()
    if hold.expires_at <= now:
        raise InvalidInput(f"hold {hold.id}: expires_at has passed")
    request = hold.as_transfer(hold.id if hold.key is None else Key(hold.key), hold.amount)
    states = posting.states_for(connection, [request], locked, now)
    payer, payee = states[hold.debit_account.int], states[hold.credit_account.int]
    if payer.sign > 0 or payee.sign > 0:
        raise InvalidInput(f"hold {hold.id}: money is held between holders' accounts only")
    refusal = why_refused(request, payer, payee, now)
    if refusal is not None:
        writing.write(connection, [Rejected(request, now, refusal)], now)
        return Outcome(hold.id, refusal, key=hold.key)
    with _database_agrees():
        connection.execute(
            _queries.place.sql,
            {
                "id": hold.id,
                "debit": hold.debit_account,
                "credit": hold.credit_account,
                "amount": hold.amount,
                "currency": hold.currency,
                "operation": hold.operation.value,
                "reference": hold.reference,
                "placed_at": now,
                "expires_at": hold.expires_at,
            },
        )
    expires_at = hold.expires_at.astimezone(UTC).isoformat()
    _tell(connection, hold, "placed", hold.amount, now, expires_at=expires_at)
    if hold.key is not None:
        writing.note(connection, writing.notes([request]))
    return Outcome(hold.id, key=hold.key)


def capture(
    ledger: Ledger, hold_id: Id, transfer_id: Id, amount: Amount | None = None, *, release_rest: bool = True
) -> Outcome:
    """Move `amount` (all that remains, if None) of a hold as the transfer `transfer_id`, idempotent by it.

    `release_rest`: what remains is given back to the payer; else it stays held. Refused when the hold has
    expired, has less than the amount left, or the transfer breaks a rule now. Raises UnknownHold.
    """
    return ledger.run(
        lambda connection: capture_in(
            ledger, connection, hold_id, transfer_id, amount, release_rest=release_rest
        )
    )


@all_or_nothing
def capture_in(
    ledger: Ledger,
    connection: Connection,
    hold_id: Id,
    transfer_id: Id,
    amount: Amount | None = None,
    *,
    release_rest: bool = True,
) -> Outcome:
    """`capture` in a transaction of the caller's; where it raises, nothing of it is left there."""
    hold_id, named = as_id(hold_id, "hold_id"), transfer_id
    transfer_id = as_id(transfer_id, "transfer_id")
    hold = find(connection, hold_id).hold
    amount = moved(amount, hold.currency, f"capture {transfer_id}")
    content = content_hash("capture/1", hold_id.hex, str(amount), str(release_rest))
    _check_not_disputed(hold)
    sides = (hold.debit_account, hold.credit_account)
    fresh, locked = locks.lock_and_claim(connection, sides, {transfer_id: content}, ledger.profiles)
    if transfer_id not in fresh:
        return earlier_outcome(connection, transfer_id, content, key_of(named))
    now, held = locks.posting_time(ledger.clock, locked), find(connection, hold_id)
    request = hold.as_transfer(named, amount or held.remaining or hold.amount)
    return take(ledger, connection, held, request, now, release_rest=release_rest)


@all_or_nothing
def take(
    ledger: Ledger,
    connection: Connection,
    held: PlacedHold,
    request: Transfer,
    now: datetime,
    *,
    release_rest: bool,
) -> Outcome:
    """Capture `request` in the transaction of a caller who has claimed its id and locked the accounts."""
    refusal = _not_capturable(held, request.amount, now)
    decision: Decision = (
        Rejected(request, now, refusal)
        if refusal
        else _capture_now(ledger, connection, held, request, now, release_rest=release_rest)
    )
    if isinstance(decision, Rejected):
        writing.write(connection, [decision], now)
        return Outcome(request.id, decision.refusal, key=request.key)
    return Outcome(request.id, key=request.key)


def void(ledger: Ledger, hold_id: Id) -> PlacedHold:
    """Give what remains of a hold back to the payer. Voiding a voided hold changes nothing.

    Raises UnknownHold; HoldEnded when it was captured or has expired.
    """
    return ledger.run(lambda connection: void_in(ledger, connection, hold_id))


@all_or_nothing
def void_in(ledger: Ledger, connection: Connection, hold_id: Id) -> PlacedHold:
    """`void` in a transaction of the caller's; where it raises, nothing of it is left there."""
    hold_id = as_id(hold_id, "hold_id")
    held = lock(ledger, connection, hold_id)
    _check_not_disputed(held.hold)
    if held.remaining == 0:
        if _last_kind(connection, held) == "voided":
            return held
        raise HoldEnded(f"hold {hold_id} has nothing left to void")
    give_back(connection, held, "voided", ledger.clock())
    return find(connection, hold_id)


def expire_due(ledger: Ledger, limit: int = EXPIRE_BATCH) -> int:
    """Give back what is left of up to `limit` holds whose deadline has passed; returns how many.

    For a job to call until it returns 0.
    """
    now = ledger.clock()
    overdue = ledger.run(
        lambda connection: connection.execute(_queries.overdue.sql, {"now": now, "limit": limit}).fetchall()
    )
    return sum(ledger.run(partial(_expire, ledger, hold_id)) for (hold_id,) in overdue)


def _expire(ledger: Ledger, hold_id: UUID, connection: Connection) -> bool:
    held, now = lock(ledger, connection, hold_id), ledger.clock()
    if held.remaining == 0 or held.hold.expires_at > now:
        return False
    give_back(connection, held, "expired", now)
    return True


def _capture_now(
    ledger: Ledger,
    connection: Connection,
    held: PlacedHold,
    request: Transfer,
    now: datetime,
    *,
    release_rest: bool,
) -> Decision:
    """Take the amount off the hold, then decide the transfer; a refusal takes both back."""
    sides = (held.hold.debit_account, held.hold.credit_account)
    with attempt(connection) as attempted:
        end(connection, held, "captured", request.amount, now, request.id)
        locked = locks.lock(connection, sides, ledger.profiles)
        decision = decide_captured(request, locked.states, now)
        if not isinstance(decision, Accepted):
            raise psycopg.Rollback(attempted)
        writing.write(connection, [decision], now)
        if release_rest and held.remaining > request.amount:
            give_back(connection, find(connection, held.hold.id), "released", now)
    return decision


def _not_capturable(held: PlacedHold, amount: int, now: datetime) -> Refusal | None:
    if held.hold.expires_at <= now:
        return Refusal("hold.expired", "deny", LEDGER_RULE)
    if amount > held.remaining:
        return Refusal("hold.remaining", "deny", LEDGER_RULE, held.hold.amount, held.captured, held.remaining)
    return None


def lock(ledger: Ledger, connection: Connection, hold_id: UUID) -> PlacedHold:
    """The hold as it stands once its accounts are locked. Raises UnknownHold."""
    hold = find(connection, hold_id).hold
    locks.lock(connection, (hold.debit_account, hold.credit_account), ledger.profiles)
    return find(connection, hold_id)


@all_or_nothing
def give_back(connection: Connection, held: PlacedHold, kind: str, now: datetime) -> None:
    """End a hold with what remains of it, which the database no longer counts. Its accounts are locked."""
    end(connection, held, kind, held.remaining, now)
    _tell(connection, held.hold, kind, held.remaining, now)


def _tell(connection: Connection, hold: Hold, what: str, amount: int, at: datetime, **more: str) -> None:
    """An event among those of the payer, whose account is locked."""
    if hold.operation in GIVES_BACK and what != "expired":
        return  # a dispute's, which tells it in its own words
    payload = {
        "hold": str(hold.id),
        "minor": amount,
        "currency": hold.currency,
        "operation": hold.operation.value,
        "credit_account": str(hold.credit_account),
        **more,
    }
    append(connection, f"hold.{what}", hold.debit_account, payload, at=at)


@reads_tuples
def find(connection: Connection, hold_id: Id) -> PlacedHold:
    """A hold as it stands. Raises UnknownHold."""
    hold_id = as_id(hold_id, "hold_id")
    row = connection.execute(_queries.find.sql, {"id": hold_id}).fetchone()
    if row is None:
        raise UnknownHold(f"there is no hold {hold_id}")
    _, debit, credit, amount, currency, operation, reference, placed_at, expires_at, key, *state = row
    hold = Hold(hold_id, debit, credit, amount, currency, Operation(operation), expires_at, reference, key)
    return PlacedHold(hold, placed_at, *state)


@all_or_nothing
def end(
    connection: Connection,
    held: PlacedHold,
    kind: str,
    amount: int,
    now: datetime,
    transfer_id: UUID | None = None,
) -> None:
    """Record that `amount` of a hold, whose accounts are locked, is captured, released, voided or expired."""
    with _database_agrees():
        connection.execute(
            _queries.end.sql,
            {
                "hold": held.hold.id,
                "number": held.events + 1,
                "kind": kind,
                "amount": amount,
                "transfer": transfer_id,
                "at": now,
            },
        )


def _check_not_disputed(hold: Hold) -> None:
    if hold.operation in GIVES_BACK:
        raise InvalidInput(f"hold {hold.id} is a dispute's: ledger.disputes upholds or rejects it")


def _last_kind(connection: Connection, held: PlacedHold) -> str:
    row = connection.execute(
        "SELECT kind FROM ledger.hold_event WHERE hold_id = %s AND number = %s", (held.hold.id, held.events)
    ).fetchone()
    return row[0] if row else ""


@contextmanager
def _database_agrees() -> Iterator[None]:
    try:
        yield
    except psycopg.IntegrityError as error:
        writing.raise_if_skewed(error)
        raise IntegrityViolation(f"The database refused the hold: {error.diag.message_primary}") from error
