"""What a transfer is for: the closed list of operations, named as wallet operators name them."""

from enum import StrEnum


class Operation(StrEnum):
    """An operation, and in brackets who pays whom."""

    __hash__ = str.__hash__  # counters are keyed by it, and Enum\'s own hash runs in Python

    OPENING = "opening"
    """Balance carried over from the operator's previous ledger (safeguarding → holder)."""
    LOAD = "load"
    """E-money issued against funds received by bank (safeguarding or in transit → holder)."""
    CASH_IN = "cash_in"
    """Cash handed to an agent, e-money from the agent's float (agent → customer)."""
    CASH_OUT = "cash_out"
    """Cash from an agent against e-money (customer → agent)."""
    PAY = "pay"
    """Payment at a merchant's counter (customer → merchant)."""
    PAY_REMOTE = "pay_remote"
    """Payment at a distance (customer → merchant)."""
    BILL = "bill"
    """Bill paid (customer → biller)."""
    P2P = "p2p"
    """Transfer between customers."""
    DISBURSE = "disburse"
    """Salary or other bulk payout (business → customer)."""
    FLOAT = "float"
    """Float moved between agents and the operator."""
    FEE = "fee"
    """A fee (holder → fees)."""
    EXCHANGE = "exchange"
    """One leg of an exchange between currencies (holder → liquidity, liquidity → holder)."""
    REFUND = "refund"
    """Money given back by whom it was paid to (receiver → payer)."""
    REVERSAL = "reversal"
    """A transfer that should not have been, given back (receiver → payer)."""
    REDEEM_BANK = "redeem_bank"
    """E-money redeemed to a bank account (holder → safeguarding or in transit)."""
    REDEEM_CASH = "redeem_cash"
    """E-money redeemed in cash by the issuer itself (holder → safeguarding or in transit)."""
    DORMANCY = "dormancy"
    """E-money of a holder long inactive, moved apart and back (holder ↔ dormant, dormant → escheat)."""
