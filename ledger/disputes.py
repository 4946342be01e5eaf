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
checks each against the others.

Many at once, and with other acts: `ledger.acts`, of which each call here is a sequence of one. Locks as
holds; each costs five to eight round trips.
"""

from datetime import datetime

from emoney.ledger.acts.act import OpenDispute, Reject, Uphold
from emoney.ledger.acts.dispute import Dispute as Dispute
from emoney.ledger.acts.dispute import DisputeEnded as DisputeEnded
from emoney.ledger.acts.dispute import DisputeState as DisputeState
from emoney.ledger.acts.dispute import UnknownDispute as UnknownDispute
from emoney.ledger.acts.dispute import find as find
from emoney.ledger.acts.dispute import of_transfer as of_transfer
from emoney.ledger.acts.sequence import carry_out_in
from emoney.ledger.base.ids import Id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.ledger import Ledger
from emoney.ledger.transfers.money import Amount
from emoney.ledger.transfers.transfer import Outcome


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
    return ledger.run(
        lambda connection: open_dispute_in(
            ledger,
            connection,
            original_id,
            dispute_id,
            amount,
            reason_code=reason_code,
            expires_at=expires_at,
            actor=actor,
        )
    )


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
    act = OpenDispute(
        original_id, dispute_id, amount, reason_code=reason_code, expires_at=expires_at, actor=actor
    )
    (outcome,) = carry_out_in(ledger, connection, [act])
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
    act = Uphold(dispute_id, transfer_id, amount, actor=actor, reason=reason)
    (outcome,) = carry_out_in(ledger, connection, [act])
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
    carry_out_in(ledger, connection, [Reject(dispute_id, actor=actor, reason=reason)])
    return find(connection, dispute_id, ledger.clock())
