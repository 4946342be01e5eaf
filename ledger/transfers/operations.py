"""What a transfer is for: the closed list of operations, named as wallet operators name them."""

from enum import StrEnum


class Operation(StrEnum):
    """An operation, and in brackets who pays whom."""

    __hash__ = str.__hash__  # counters are keyed by it, and Enum\'s own hash runs in Python

    OPENING = "opening"
    """Balance carried over from the operator's previous ledger (safeguarding → holder)."""
    LOAD = "load"
    """E-money issued against funds received by bank (safeguarding or in transit → holder)."""
    LOAD_CARD = "load_card"
    """E-money issued against a card payment (in transit → holder)."""
    LOAD_EMONEY = "load_emoney"
    """E-money issued against e-money of another instrument or issuer (in transit → holder)."""
    REMIT_IN = "remit_in"
    """E-money issued against a remittance from abroad (safeguarding or in transit → holder)."""
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
    P2P_REGISTERED = "p2p_registered"
    """Transfer to a customer whom the payer had registered as a payee before."""
    CROSS_BORDER = "cross_border"
    """Transfer to a holder abroad (customer → in transit or correspondent)."""
    CRYPTO = "crypto"
    """E-money paid for a crypto-asset (customer → merchant)."""
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
    REDEEM_OWN_BANK = "redeem_own_bank"
    """E-money redeemed to a bank account in the holder's own name (holder → safeguarding or in transit)."""
    REDEEM_CASH = "redeem_cash"
    """E-money redeemed in cash by the issuer itself (holder → safeguarding or in transit)."""
    DORMANCY = "dormancy"
    """E-money of a holder long inactive, moved apart and back (holder ↔ dormant, dormant → escheat)."""

    @property
    def number(self) -> int:
        """The number, 1 to 127, that counters on disk name it by: given once, never given again."""
        return _NUMBERS[self]


_NUMBERS = {
    Operation.OPENING: 1,
    Operation.LOAD: 2,
    Operation.CASH_IN: 3,
    Operation.CASH_OUT: 4,
    Operation.PAY: 5,
    Operation.PAY_REMOTE: 6,
    Operation.BILL: 7,
    Operation.P2P: 8,
    Operation.DISBURSE: 9,
    Operation.FLOAT: 10,
    Operation.FEE: 11,
    Operation.EXCHANGE: 12,
    Operation.REFUND: 13,
    Operation.REVERSAL: 14,
    Operation.REDEEM_BANK: 15,
    Operation.REDEEM_CASH: 16,
    Operation.LOAD_CARD: 17,
    Operation.REMIT_IN: 18,
    Operation.P2P_REGISTERED: 19,
    Operation.CROSS_BORDER: 20,
    Operation.CRYPTO: 21,
    Operation.REDEEM_OWN_BANK: 22,
    Operation.DORMANCY: 23,
    Operation.LOAD_EMONEY: 24,
}

GIVES_BACK = frozenset({Operation.REFUND, Operation.REVERSAL})
"""Operations of transfers that give back another one: under no limit, so made by `ledger.reversals` only."""
