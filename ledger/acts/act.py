"""Acts, as they are asked for, beside `Hold`, which places one, and the plain `Transfer`."""

from dataclasses import KW_ONLY, dataclass
from datetime import datetime

from emoney.ledger.acts.hold import Hold
from emoney.ledger.base.ids import Id
from emoney.ledger.transfers.money import Amount
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.transfer import Transfer


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


@dataclass(frozen=True, slots=True)
class OpenDispute:
    """Hold `amount` (what is left of it and not disputed already, if None) of a transfer on its receiver.

    `reason_code`: the operator's or scheme's own, 1 to 32 letters, digits, points, dashes, underscores.
    `actor`: who opens it, as an id of the operator's own.
    """

    original_id: Id
    dispute_id: Id
    amount: Amount | None = None
    _: KW_ONLY
    reason_code: str
    expires_at: datetime
    actor: str


@dataclass(frozen=True, slots=True)
class Uphold:
    """Give a dispute's payer `amount` (all that is held and left, if None) as the reversal `transfer_id`.

    The rest is released. `actor`: who decides. `reason`: 1 to 500 characters, no personal data.
    """

    dispute_id: Id
    transfer_id: Id
    amount: Amount | None = None
    _: KW_ONLY
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Give what a dispute holds back to the receiver. `actor`, `reason`: as of `Uphold`."""

    dispute_id: Id
    _: KW_ONLY
    actor: str
    reason: str


Act = Transfer | Hold | Capture | Void | Refund | OpenDispute | Uphold | Reject
