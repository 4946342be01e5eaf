"""The chart of accounts of an e-money issuer.

What the issuer owes holders is outstanding e-money; what it holds for them is safeguarded. Issue and
redemption move both sides by the same amount, at par (Directive 2009/110/EC art. 11).
"""

from enum import StrEnum


class AccountKind(StrEnum):
    """A line of the chart of accounts."""

    CUSTOMER = "customer"
    """A person's wallet."""
    MERCHANT = "merchant"
    """A merchant's, biller's or employer's wallet."""
    AGENT = "agent"
    """An agent's float."""
    ISSUED_UNFUNDED = "issued_unfunded"
    """E-money issued ahead of funds that a contract guarantees."""
    SAFEGUARDING = "safeguarding"
    """Funds received for e-money, one account per bank."""
    IN_TRANSIT = "in_transit"
    """Funds on their way between the issuer and the safeguarding bank."""
    SUSPENSE = "suspense"
    """Money whose owner is being found out."""
    FEES = "fees"
    """Fees earned."""
    DORMANT = "dormant"
    """E-money of holders long inactive."""
    ESCHEAT = "escheat"
    """E-money due to the state."""
    OWN_FUNDS = "own_funds"
    """The issuer's own money."""


ASSETS = frozenset({AccountKind.SAFEGUARDING, AccountKind.IN_TRANSIT, AccountKind.ISSUED_UNFUNDED})
"""Debits raise these; credits raise all others."""

OUTSTANDING = frozenset(
    {
        AccountKind.CUSTOMER,
        AccountKind.MERCHANT,
        AccountKind.AGENT,
        AccountKind.SUSPENSE,
        AccountKind.DORMANT,
        AccountKind.ESCHEAT,
    }
)
"""What holders may redeem: outstanding e-money."""

BACKING = frozenset({AccountKind.SAFEGUARDING, AccountKind.IN_TRANSIT})
"""What stands behind it."""


def sign_of(kind: AccountKind) -> int:
    """1 where debits raise the balance, -1 where credits do."""
    return 1 if kind in ASSETS else -1


def floor_of(kind: AccountKind) -> int | None:
    """The balance an account may not go below, in minor units; None where there is no floor.

    Funds in transit may be owed to the bank before they are due from it; own funds may be a loss.
    """
    return None if kind in (AccountKind.IN_TRANSIT, AccountKind.OWN_FUNDS) else 0
