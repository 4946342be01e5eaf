"""Reversals and refunds: a new transfer gives back another one, in full or in part. Nothing is ever undone.

All that is given back of a transfer never passes its amount, under any concurrency: both accounts are locked,
and the database sums again. What limits had counted of the original is returned to the windows it was counted
in; the giving back itself is under no limit, but it needs the funds.

Many at once, and with holds: `ledger.acts`, of which each call here is a sequence of one.

A transfer that its payer disputes is held first and given back, or not, afterwards: `ledger.disputes`.
"""

from emoney.ledger.acts.act import Refund
from emoney.ledger.acts.sequence import carry_out_in
from emoney.ledger.base.errors import UnknownTransfer as UnknownTransfer
from emoney.ledger.base.ids import Id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.ledger import Ledger
from emoney.ledger.transfers.money import Amount
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.transfer import Outcome


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
    act = Refund(original_id, refund_id, amount, reason, reference)
    (outcome,) = carry_out_in(ledger, connection, [act])
    return outcome


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
    act = Refund(original_id, reversal_id, amount, reason, reference, Operation.REVERSAL)
    (outcome,) = carry_out_in(ledger, connection, [act])
    return outcome
