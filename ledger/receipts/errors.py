"""What is refused of receipts."""

from emoney.ledger.base.errors import ConfigurationError, InvalidInput


class UnknownReceipt(InvalidInput):
    """A receipt that is not recorded on the account."""


class UnknownBankEntry(InvalidInput):
    """An entry that no statement of the receipt's account has, or that is none of money received."""


class ReceiptConflict(InvalidInput):
    """A reference recorded before with another amount, or an entry that confirms less than the receipt."""


class ReceiptDrawn(InvalidInput):
    """What is to be withdrawn of a receipt and is issued on already."""


class ReceiptsDenied(ConfigurationError):
    """A login that may not record receipts: it is no member of `emoney_receipts`."""
