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

From its deadline on a hold binds nothing: `ledger.posting.expiry`. The job, `expire_due`, writes that down.

Many at once, and with refunds: `ledger.acts`, of which each call here is a sequence of one. It locks the two
accounts in id order, like a batch of one; costs five to eight round trips.
"""

from functools import partial

from emoney.ledger.acts.act import Capture, Void
from emoney.ledger.acts.batch import HoldEnded as HoldEnded
from emoney.ledger.acts.hold import Hold as Hold
from emoney.ledger.acts.hold import PlacedHold as PlacedHold
from emoney.ledger.acts.hold import find as find
from emoney.ledger.acts.sequence import carry_out_in
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.errors import UnknownHold as UnknownHold
from emoney.ledger.base.ids import Id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.ledger import Ledger
from emoney.ledger.posting import expiry
from emoney.ledger.transfers.money import Amount
from emoney.ledger.transfers.transfer import Outcome

EXPIRE_BATCH, EXPIRE_AT_ONCE = 500, 50

_queries = queries_beside(__file__)


def place(ledger: Ledger, hold: Hold) -> Outcome:
    """Reserve the amount of `hold`, or refuse it by the rule a transfer would break; idempotent by its id.

    Raises InvalidInput or a subclass for what no state could accept, such as a deadline that has passed.
    """
    return ledger.run(lambda connection: place_in(ledger, connection, hold))


def place_in(ledger: Ledger, connection: Connection, hold: Hold) -> Outcome:
    """`place` in a transaction of the caller's; where it raises, nothing of it is left there."""
    if not isinstance(hold, Hold):
        raise InvalidInput(f"place a Hold, not a {type(hold).__name__}")
    (outcome,) = carry_out_in(ledger, connection, [hold])
    return outcome


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
    (outcome,) = carry_out_in(ledger, connection, [Capture(hold_id, transfer_id, amount, release_rest)])
    return outcome


def void(ledger: Ledger, hold_id: Id) -> PlacedHold:
    """Give what remains of a hold back to the payer. Voiding a voided hold changes nothing.

    Raises UnknownHold; HoldEnded when it was captured or has expired.
    """
    return ledger.run(lambda connection: void_in(ledger, connection, hold_id))


@all_or_nothing
def void_in(ledger: Ledger, connection: Connection, hold_id: Id) -> PlacedHold:
    """`void` in a transaction of the caller's; where it raises, nothing of it is left there."""
    carry_out_in(ledger, connection, [Void(hold_id)])
    return find(connection, hold_id)


def expire_due(ledger: Ledger, limit: int = EXPIRE_BATCH) -> int:
    """Give back what is left of up to `limit` holds whose deadline has passed; returns how many.

    For a job to call until it returns 0: EXPIRE_AT_ONCE in a transaction. What would be refused meanwhile
    because of an expired hold ends it itself.
    """
    now = ledger.clock()
    overdue = ledger.run(
        lambda connection: connection.execute(_queries.overdue.sql, {"now": now, "limit": limit}).fetchall()
    )
    ended = 0
    for start in range(0, len(overdue), EXPIRE_AT_ONCE):
        pairs = overdue[start : start + EXPIRE_AT_ONCE]
        sides = {side for pair in pairs for side in pair}
        ended += ledger.run(partial(expiry.end_between, accounts=sides, at=now, most=len(pairs)))
    return ended
