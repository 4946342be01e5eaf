"""Reading: what an operator's backend asks the ledger, typed and by pages. `Ledger.reading` is the way in."""

from emoney.ledger.reading.page import Page
from emoney.ledger.reading.reader import Reading
from emoney.ledger.reading.records import Balance, HeldMoney, PostedTransfer, RefusedTransfer

__all__ = ["Reading", "Page", "PostedTransfer", "RefusedTransfer", "HeldMoney", "Balance"]
