"""Acts that are no plain transfers, many in one transaction: holds placed, captured, voided; refunds.

    outcomes = carry_out(ledger, [hold, Capture(Key("hold-7"), Key("capture-7")), Void(Key("hold-8"))])

Each is decided as if it came alone after those before it, by the functions that decide transfers.
"""

from emoney.ledger.acts.act import Act, Capture, Refund, Void
from emoney.ledger.acts.hold import Hold
from emoney.ledger.acts.sequence import carry_out, carry_out_in

__all__ = ["Act", "Capture", "Hold", "Refund", "Void", "carry_out", "carry_out_in"]
