"""Acts beside plain transfers, as they are asked for. `Hold`, which places one, has a file of its own."""

from dataclasses import dataclass

from emoney.ledger.acts.hold import Hold
from emoney.ledger.base.ids import Id
from emoney.ledger.transfers.money import Amount
from emoney.ledger.transfers.operations import Operation


@dataclass(frozen=True, slots=True)
class Capture:
    """Move `amount` (all that remains, if None) of a hold as the transfer `transfer_id`.

    `release_rest`: what remains is given back to the payer; else it stays held.
    """

    hold_id: Id
    transfer_id: Id
    amount: Amount | None = None
    release_rest: bool = True


@dataclass(frozen=True, slots=True)
class Void:
    """Give what remains of a hold back to the payer."""

    hold_id: Id


@dataclass(frozen=True, slots=True)
class Refund:
    """Give back `amount` (what is left of it, if None) of a transfer as the transfer `transfer_id`.

    `operation`: REFUND at the receiver's wish, REVERSAL of one that should not have been. `reason`: 1 to 500
    characters, no personal data. `reference`: the operator's own, up to 90 characters.
    """

    original_id: Id
    transfer_id: Id
    amount: Amount | None = None
    reason: str = ""
    reference: str | None = None
    operation: Operation = Operation.REFUND


Act = Hold | Capture | Void | Refund
