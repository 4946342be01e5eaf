"""Receipts: e-money comes into being against money that was seen to arrive, and recorded before it."""

from emoney.ledger.receipts.errors import (
    ReceiptConflict,
    ReceiptDrawn,
    ReceiptsDenied,
    UnknownBankEntry,
    UnknownReceipt,
)
from emoney.ledger.receipts.policy import Policy, PolicyChange
from emoney.ledger.receipts.receipt import Receipt
from emoney.ledger.receipts.recording import RECEIPTS_ROLE, Receipts

__all__ = [
    "Receipts",
    "Receipt",
    "Policy",
    "PolicyChange",
    "RECEIPTS_ROLE",
    "UnknownReceipt",
    "UnknownBankEntry",
    "ReceiptConflict",
    "ReceiptDrawn",
    "ReceiptsDenied",
]
