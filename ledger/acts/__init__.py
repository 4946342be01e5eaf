"""Acts of all kinds, many in one transaction: transfers; holds, captures, voids; refunds; disputes.

    outcomes = carry_out(ledger, [pay, hold, Capture(hold.id, Key("capture-7")), Refund(pay.id, back_id)])

Each is decided as if it came alone after those before it, by the functions that decide transfers.
"""

from emoney.ledger.acts.act import Act, Capture, OpenDispute, Refund, Reject, Uphold, Void
from emoney.ledger.acts.hold import Hold
from emoney.ledger.acts.sequence import carry_out, carry_out_in

__all__ = [
    "Act",
    "Hold",
    "Capture",
    "Void",
    "Refund",
    "OpenDispute",
    "Uphold",
    "Reject",
    "carry_out",
    "carry_out_in",
]
