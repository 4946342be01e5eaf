"""What can be asked for: a transfer, the operations that an operator makes of it, money and the chart of
accounts.

    from emoney.ledger import transfers
    transfers.issue(funds=bank, wallet=ama, amount=400_000, currency="GHS", receipt="slip 1")
"""

from emoney.ledger.transfers.everyday import (
    bill,
    cash_in,
    cash_out,
    exchange,
    exchange_rate,
    fee,
    issue,
    pay,
    redeem,
    send,
    with_fee,
)

__all__ = [
    "issue",
    "redeem",
    "send",
    "pay",
    "bill",
    "cash_in",
    "cash_out",
    "fee",
    "with_fee",
    "exchange",
    "exchange_rate",
]
